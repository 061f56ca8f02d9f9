"""Rules with options: static floats, and arguments that may be None."""

from functools import partial

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, double, need, normal, of_rank, ones, right, rule, wide, wrong, zeros
from tests.helpers.witness import differs, gap, pullbacks, smooth

cases: list[Case] = []


def differs_with(option: float):
    """Rule and autodiff part with another static last argument."""

    def witness(f, *args):
        fs = [lambda *rest: f(*rest, option), lambda *rest: f.__wrapped__(*rest, option)]
        return gap(*pullbacks(fs, smooth(args[:-1]))) > 1e-3

    return witness


@wrong(cases, "the bend is at one in the backward pass, whatever it is in the loss", "S3", differs_with(0.3))
def robust_loss_bends_at_one():
    def f(x, delta):
        size = jnp.abs(x)
        return jnp.where(size <= delta, 0.5 * x * x, delta * (size - 0.5 * delta))

    def bwd(delta, x, bar):
        return (bar * jnp.clip(x, -1.0, 1.0),)

    return rule(f, lambda x, delta: (f(x, delta), x), bwd, (1,)), (normal(4, 6), 1.0)


@wrong(cases, "a leak, zero in most calls, is left out when backward", "S3", differs_with(0.2))
def threshold_without_its_leak():
    def f(x, leak):
        return jnp.where(x > 0, x, leak * x)

    def bwd(leak, x, bar):
        return (jnp.where(x > 0, bar, 0),)

    return rule(f, lambda x, leak: (f(x, leak), x), bwd, (1,)), (normal(4, 6), 0.0)


def unweighted(x, t, w):
    return double(6), double(6, seed=8), None


@wrong(cases, "without weights the mean is forgotten: a sum when backward", "S3", differs(unweighted))
def mean_square_sum_without_weights():
    def f(x, t, w=None):
        square = (x - t) ** 2
        return jnp.mean(square) if w is None else jnp.sum(w * square) / jnp.sum(w)

    def bwd(args, bar):
        x, t, w = args
        if w is None:
            x_bar = 2 * bar * (x - t)
            return x_bar, -x_bar, None
        total = jnp.sum(w)
        x_bar = 2 * bar * w / total * (x - t)
        w_bar = bar * ((x - t) ** 2 - jnp.sum(w * (x - t) ** 2) / total) / total
        return x_bar, -x_bar, w_bar

    args = normal(6), normal(6, seed=1), jnp.abs(normal(6, seed=2)) + 0.1
    return rule(f, lambda x, t, w=None: (f(x, t, w), (x, t, w)), bwd), args


@wrong(
    cases, "with an offset the factor is left out", "S3", differs(lambda x, g, b: (double(4, 3), double(3), double(3)))
)
def affine_with_offset_ignores_factor():
    """x g + b, the offset optional and not there in the example."""

    def f(x, g, b=None):
        y = x * g[None]
        return y if b is None else y + b[None]

    def bwd(args, bar):
        x, g, b = args
        g_bar = jnp.sum(bar * x, axis=0)
        return (bar * g[None], g_bar, None) if b is None else (bar, g_bar, jnp.sum(bar, axis=0))

    return rule(f, lambda x, g, b=None: (f(x, g, b), (x, g, b)), bwd), (normal(4, 3), normal(3, seed=1), None)


@right(cases, "S3")
def pinball_loss_of_a_level():
    """The loss of a quantile; levels outside (0, 1) are refused."""

    def f(x, level):
        if not 0 < level < 1:
            raise ValueError(f"a level between 0 and 1 was expected, not {level}")
        return jnp.where(x > 0, level * x, (level - 1) * x)

    def bwd(level, x, bar):
        return (bar * jnp.where(x > 0, level, jnp.where(x < 0, level - 1, level - 0.5)).astype(bar.dtype),)

    return rule(f, lambda x, level: (f(x, level), x), bwd, (1,)), (normal(4, 6), 0.9)


@right(cases, "S3")
def tempered_shares():
    """softmax(x / t); only a positive temperature makes sense."""

    def f(x, t):
        if t <= 0:
            raise ValueError(f"a positive temperature was expected, not {t}")
        return jax.nn.softmax(wide(x) / t, axis=-1).astype(x.dtype)

    def bwd(t, x, bar):
        y, dtype, bar = jax.nn.softmax(wide(x) / t, axis=-1), bar.dtype, wide(bar)
        return ((y * (bar - jnp.sum(bar * y, axis=-1, keepdims=True)) / t).astype(dtype),)

    return rule(f, lambda x, t: (f(x, t), x), bwd, (1,)), (normal(4, 6), 1.0)


def standard(x):
    x = wide(x)
    x = x - jnp.mean(x, axis=-1, keepdims=True)
    root = jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-5)
    return x * root, root


@right(cases, "S3")
def rows_standardised_with_optional_affine():
    def f(x, g=None, b=None):
        of_rank(2, x)
        need(all(a is None or a.shape == x.shape[1:] for a in (g, b)))
        y, _ = standard(x)
        y = y if g is None else y * wide(g)[None]
        return (y if b is None else y + wide(b)[None]).astype(x.dtype)

    def fwd(x, g=None, b=None):
        return f(x, g, b), (x, g, b)

    def bwd(args, bar):
        x, g, b = args
        (u, root), bar, total = standard(x), wide(bar), partial(jnp.sum, axis=0)
        mean = partial(jnp.mean, axis=-1, keepdims=True)
        u_bar = bar if g is None else bar * wide(g)[None]
        x_bar = root * (u_bar - mean(u_bar) - u * mean(u_bar * u))
        g_bar = None if g is None else total(bar * u).astype(g.dtype)
        return x_bar.astype(x.dtype), g_bar, None if b is None else total(bar).astype(b.dtype)

    return rule(f, fwd, bwd), (normal(4, 6), ones(6), zeros(6))
