"""Rules that add up in half precision, or keep in it what must not be rounded."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, like, need, normal, of_rank, ones, right, rule, wide, wrong
from tests.helpers.witness import gap, pullbacks, worse_than_autodiff

cases: list[Case] = []


def gain_parts():
    def f(x, g):
        of_rank(2, x)
        need(x.shape[1:] == g.shape)
        return x * g[None]

    return f, lambda x, g: (f(x, g), (x, g))


def stalls(f, *args):
    """In bfloat16, with cotangents of one, the sum over a thousand rows is off by a tenth."""
    x = jnp.full((1024, 3), 0.75, jnp.bfloat16)
    return gap(*pullbacks([f, f.__wrapped__], (x, jnp.ones(3, jnp.bfloat16)), jnp.ones_like(x))) > 0.1


@wrong(cases, "one token after the other, in the cotangent's own bfloat16", "S6", stalls)
def gain_added_up_token_by_token():
    f, fwd = gain_parts()

    def bwd(args, bar):
        x, g = args
        add = lambda total, at: (total + at[0] * at[1], None)
        return bar * g[None], jax.lax.scan(add, jnp.zeros_like(g), (bar, x))[0]

    return rule(f, fwd, bwd), (normal(16, 3, dtype=jnp.bfloat16), ones(3, dtype=jnp.bfloat16))


@wrong(cases, "the mean is kept in the argument's dtype: deviations from a rounded mean", "S6",
       worse_than_autodiff(lambda x: ((0.5 * x + 100.3).astype(jnp.bfloat16),), factor=3.0))  # fmt: skip
def spread_about_a_rounded_mean():
    """The standard deviation of each row."""

    def centred(x):
        x = wide(x)
        return x - jnp.mean(x, axis=-1, keepdims=True)

    def f(x):
        return jnp.sqrt(jnp.mean(centred(x) ** 2, axis=-1)).astype(x.dtype)

    def fwd(x):
        mean = jnp.mean(wide(x), axis=-1, keepdims=True).astype(x.dtype)
        return f(x), (x, mean)

    def bwd(kept, bar):
        x, mean = kept
        d = wide(x) - wide(mean)
        root = jnp.sqrt(jnp.mean(d * d, axis=-1, keepdims=True))
        return ((wide(bar)[..., None] * d / (root * x.shape[-1])).astype(x.dtype),)

    return rule(f, fwd, bwd), (normal(4, 32) + 3,)


def far_mixture(x, shift):
    return jnp.full((64,), 40.3, jnp.bfloat16), jnp.asarray([0.0, 1.0, 2.0], jnp.bfloat16)


def responsibilities_off(f, *args):
    """In bfloat16 the shares of a point far from all parts are off by a tenth; autodiff in bfloat16 is not."""
    half = far_mixture(*args)
    y_bar = jnp.ones(64, jnp.float64)
    true = pullbacks([f.__wrapped__], [a.astype(jnp.float64) for a in half], y_bar)[0]
    got, auto = pullbacks([f, f.__wrapped__], half, y_bar.astype(jnp.bfloat16))
    return gap(got, true) > 0.1 > 0.05 > gap(auto, true)


@wrong(cases, "shares from the rounded log-density, which is −800 and off by 2", "S6", responsibilities_off)
def mixture_shares_from_rounded_density():
    """log Σ exp(−½ (x − m)²) of points and means."""

    def terms(x, m):
        of_rank(1, x, m)
        return -0.5 * (wide(x)[:, None] - wide(m)[None]) ** 2

    def fwd(x, m):
        y = jax.nn.logsumexp(terms(x, m), axis=1).astype(x.dtype)
        return y, (x, m, y)

    def bwd(kept, bar):
        x, m, y = kept
        share = wide(bar)[:, None] * jnp.exp(terms(x, m) - wide(y)[:, None])
        pull = share * (wide(x)[:, None] - wide(m)[None])
        return like((-jnp.sum(pull, axis=1), jnp.sum(pull, axis=0)), (x, m))

    args = normal(6, dtype=jnp.bfloat16), normal(3, seed=1, dtype=jnp.bfloat16)
    return rule(lambda *args: fwd(*args)[0], fwd, bwd), args


@right(cases, "S6")
def gain_added_up_in_blocks():
    """Sixteen tokens at a time, each block's sum added to a float32 one."""
    f, fwd = gain_parts()

    def bwd(args, bar):
        x, g = args
        terms = wide(bar) * wide(x)
        terms = jnp.pad(terms, ((0, -len(x) % 16), (0, 0))).reshape(-1, 16, len(g))
        add = lambda total, block: (total + jnp.sum(block, axis=0), None)
        total, _ = jax.lax.scan(add, jnp.zeros(g.shape, terms.dtype), terms)
        return bar * g[None], total.astype(g.dtype)

    return rule(f, fwd, bwd), (normal(40, 3, dtype=jnp.bfloat16), ones(3, dtype=jnp.bfloat16))


@right(cases, "S6")
def weights_of_many_rows_in_bfloat16():
    """x w, with both products in bfloat16, their sums in float32."""

    def times(a, b, dtype):
        return jnp.matmul(wide(a), wide(b), precision="highest").astype(dtype)

    def f(x, w):
        of_rank(2, x, w)
        return times(x, w, x.dtype)

    def bwd(args, bar):
        x, w = args
        return times(bar, w.T, x.dtype), times(x.T, bar, w.dtype)

    args = normal(256, 4, dtype=jnp.bfloat16), normal(4, 3, seed=1, dtype=jnp.bfloat16)
    return rule(f, lambda *args: (f(*args), args), bwd), args
