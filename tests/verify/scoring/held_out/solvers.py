"""Rules of solvers that stop at a tolerance, differentiated through what they solve."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, like, need, normal, of_rank, right, rule, uniform, wide, wrong
from tests.helpers.witness import differs_from

cases: list[Case] = []


def until_steady(step, start, tolerance=1e-7, most=500):
    """Repeats `step` until it moves by less than the tolerance; NaN where that does not happen.

    The tolerance is relative below one, absolute above.
    """
    eps = jnp.finfo(start.dtype).eps

    def go(carry):
        _, steady, count = carry
        return ~steady & (count < most)

    def once(carry):
        at, _, count = carry
        new = step(at)
        size = jnp.max(jnp.abs(new))
        return new, jnp.max(jnp.abs(new - at)) <= tolerance * jnp.minimum(size, 1) + eps * size, count + 1

    end, steady, _ = jax.lax.while_loop(go, once, (start, jnp.asarray(False), 0))
    return jnp.where(steady, end, jnp.nan)


def repeated(step, start, times=400):
    """The same without a tolerance, which autodiff can follow."""
    return jax.lax.scan(lambda at, _: (step(at), None), start, length=times)[0]


def orbit(solve):
    def f(mean, e):
        of_rank(1, mean, e)
        need(mean.shape == e.shape)
        m, e = wide(mean), wide(e)
        return solve(lambda at: m + e * jnp.sin(at), m).astype(mean.dtype)

    return f


@right(cases, "S2", truth=orbit(repeated), tolerance=1e-5)
def eccentric_anomaly_by_repetition():
    """E = M + e sin E of elliptic orbits; the error of E is about 1e-7."""
    f = orbit(until_steady)

    def fwd(mean, e):
        y = f(mean, e)
        return y, (y, mean, e)

    def bwd(kept, bar):
        y, _, e = map(wide, kept)
        m_bar = wide(bar) / (1 - e * jnp.cos(y))
        return like((m_bar, m_bar * jnp.sin(y)), kept[1:])

    return rule(f, fwd, bwd), (uniform(6, high=6.0), uniform(6, low=0.1, high=0.6, seed=1))


def balance(solve):
    def f(w, x):
        of_rank(2, w)
        of_rank(1, x)
        need(w.shape == x.shape * 2)
        a, b = wide(w), wide(x)
        return solve(lambda z: jnp.tanh(a @ z + b), b).astype(x.dtype)

    return f


def layer(adjoint):
    """z = tanh(w z + x); `adjoint` gives the solution of u = z̄ + wᵀ (s u) from w, the slopes s and z̄."""
    f = balance(until_steady)

    def fwd(w, x):
        z = f(w, x)
        return z, (z, w, x)

    def bwd(kept, bar):
        z, w, _ = map(wide, kept)
        slope = 1 - z * z
        x_bar = slope * adjoint(w, slope, wide(bar))
        return like((jnp.outer(x_bar, z), x_bar), kept[1:])

    return rule(f, fwd, bwd), (0.3 * normal(4, 4), normal(4, seed=1))


@right(cases, "S2", truth=balance(repeated), tolerance=1e-5)
def steady_layer():
    return layer(lambda w, slope, bar: until_steady(lambda u: bar + w.T @ (slope * u), bar))


@wrong(cases, "the matrix not transposed backwards", "S2", differs_from(balance(repeated)))
def steady_layer_untransposed():
    return layer(lambda w, slope, bar: until_steady(lambda u: bar + w @ (slope * u), bar))


@wrong(cases, "one step from the solution instead of a solve", "S2", differs_from(balance(repeated)))
def steady_layer_one_step_backward():
    return layer(lambda w, slope, bar: bar + w.T @ (slope * bar))


@wrong(cases, "backwards it stops at a tenth", "S2", differs_from(balance(repeated)))
def steady_layer_loose_backward():
    return layer(lambda w, slope, bar: until_steady(lambda u: bar + w.T @ (slope * u), bar, tolerance=0.1))


def halved(f, low, high, times=26):
    """A root of an increasing function by halving an interval."""

    def step(ends, _):
        low, high = ends
        middle = 0.5 * (low + high)
        below = f(middle) < 0
        return (jnp.where(below, middle, low), jnp.where(below, high, middle)), None

    low, high = jax.lax.scan(step, (low, high), length=times)[0]
    return 0.5 * (low + high)


def cube_root_newton(c):
    """x³ + x = c by Newton's steps, which autodiff can follow."""
    start = c / (1 + jnp.abs(c) ** (2 / 3))
    return repeated(lambda x: x - (x**3 + x - c) / (3 * x * x + 1), start, times=60)


@right(cases, "S4", truth=cube_root_newton, tolerance=1e-5)
def cubic_by_halving():
    """x³ + x = c on an interval: autodiff of the halving is zero, and the root is good to 1e-7 of the interval."""

    def f(c):
        w = wide(c)
        wall = 1 + jnp.cbrt(jnp.abs(w))
        return halved(lambda x: x**3 + x - w, -wall, wall).astype(c.dtype)

    def fwd(c):
        x = f(c)
        return x, x

    def bwd(x, bar):
        return ((wide(bar) / (3 * wide(x) ** 2 + 1)).astype(bar.dtype),)

    return rule(f, fwd, bwd), (2 * normal(6),)
