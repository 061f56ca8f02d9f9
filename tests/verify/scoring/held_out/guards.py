"""Rules that refuse some inputs by raising."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from tests.helpers.case import Case, double, like, need, normal, of_rank, right, rule, uniform, wide, wrong
from tests.helpers.witness import differs

cases: list[Case] = []


def positive(x, what):
    """Raises where concrete numbers are not positive: under a transform they cannot be seen."""
    if not isinstance(x, Tracer) and not bool((np.asarray(x, np.float64) > 0).all()):
        raise ValueError(f"{what} must be positive")


def returns(one_sided: bool):
    """Logarithms of the ratios of one price to the one before."""

    def f(p):
        of_rank(1, p)
        positive(p, "prices")
        return jnp.diff(jnp.log(wide(p))).astype(p.dtype)

    def bwd(p, bar):
        bar = wide(bar)
        first = jnp.concatenate([jnp.zeros_like(bar[:1]), bar])
        last = jnp.concatenate([bar, jnp.zeros_like(bar[:1])])
        return (((first if one_sided else first - last) / wide(p)).astype(p.dtype),)

    return rule(f, lambda p: (f(p), p), bwd), (uniform(8, low=0.5, high=2.0),)


@right(cases, "S3")
def log_returns_of_positive_prices():
    return returns(one_sided=False)


@wrong(cases, "the earlier price gets nothing", "S2", differs())
def log_returns_of_the_later_price():
    return returns(one_sided=True)


def shares(held: bool):
    """w / Σ w; a sum that is not positive is an error at run time."""

    def checked(w):
        total = jnp.sum(wide(w), axis=-1, keepdims=True)
        return eqx.error_if(total, ~(total > 0), "weights must have a positive sum")

    def fwd(w):
        total = checked(w)
        y = wide(w) / total
        return y.astype(w.dtype), (y.astype(w.dtype), total)

    def bwd(kept, bar):
        y, total = kept
        mean = 0 if held else jnp.sum(wide(bar) * wide(y), axis=-1, keepdims=True)
        return (((wide(bar) - mean) / total).astype(y.dtype),)

    return rule(lambda w: fwd(w)[0], fwd, bwd), (uniform(4, 6, low=0.1),)


@right(cases, "S3")
def shares_of_a_positive_sum():
    return shares(held=False)


@wrong(cases, "the sum is held constant", "S2", differs())
def shares_of_a_held_sum():
    return shares(held=True)


def on_host(a, b):
    """numpy's solver, which raises where the matrix is singular."""
    shape = jax.ShapeDtypeStruct(b.shape, b.dtype)
    solve = lambda a, b: np.linalg.solve(np.asarray(a), np.asarray(b)[..., None])[..., 0].astype(b.dtype)
    return jax.pure_callback(solve, shape, a, b, vmap_method="sequential")


@right(cases, "S3", reference=lambda a, b: jnp.linalg.solve(wide(a), wide(b)).astype(b.dtype))
def host_solver_that_raises():
    def f(a, b):
        of_rank(2, a)
        of_rank(1, b)
        need(a.shape == b.shape * 2)
        return on_host(wide(a), wide(b)).astype(b.dtype)

    def fwd(a, b):
        x = on_host(wide(a), wide(b))
        return f(a, b), (a, x)

    def bwd(kept, bar):
        a, x = kept
        b_bar = on_host(wide(a).T, wide(bar))
        return like((-jnp.outer(b_bar, x), b_bar), (a, bar))

    a = normal(3, 3) + 3 * jnp.eye(3, dtype=jnp.float32)
    return rule(f, fwd, bwd), (a, normal(3, seed=1))


def far_apart(x, y):
    return double(5), double(5, seed=1) + 9


@wrong(cases, "beyond three the bend of the loss is not taken back", "S3", differs(far_apart))
def guarded_loss_straight_beyond_three():
    """log cosh(x − y) of equal lengths that are finite, else an error."""

    def f(x, y):
        of_rank(1, x, y)
        d = x - y
        d = eqx.error_if(d, ~jnp.isfinite(d), "the arguments must be finite")
        size = jnp.abs(d)
        return jnp.sum(size + jnp.log1p(jnp.exp(-2 * size)) - jnp.log(2.0).astype(d.dtype))

    def bwd(args, bar):
        d = args[0] - args[1]
        x_bar = bar * jnp.where(jnp.abs(d) < 3, jnp.tanh(d), d)
        return x_bar, -x_bar

    return rule(f, lambda *args: (f(*args), args), bwd), (0.5 * normal(5), 0.5 * normal(5, seed=1))
