"""Wrong rules of sums, products, means, norms and medians."""

import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, rule, uniform, wrong
from tests.helpers.witness import differs

cases: list[Case] = []


def mean(x):
    return jnp.mean(x)


@wrong(cases, "mean without its 1/N", "S2", differs())
def mean_as_sum():
    def bwd(x, y_bar):
        return (jnp.broadcast_to(y_bar, x.shape),)

    return rule(mean, lambda x: (mean(x), x), bwd), (normal(4, 6),)


@wrong(cases, "divides by the first axis: wrong for another rank", "S9", differs(lambda x: (normal(3, 4),)))
def mean_by_first_axis():
    def bwd(x, y_bar):
        return (jnp.broadcast_to(y_bar / x.shape[0], x.shape),)

    return rule(mean, lambda x: (mean(x), x), bwd), (normal(6),)


@wrong(cases, "NaN at a zero: divides by the argument", "S3", differs(lambda x: (x.at[2].set(0.0),)))
def product_by_division():
    def f(x):
        return jnp.prod(x)

    return rule(f, lambda x: (f(x), x), lambda x, y_bar: (y_bar * f(x) / x,)), (normal(6),)


@wrong(cases, "NaN at the zero vector, where the function is guarded", "S3", differs(lambda x: (x.at[1].set(0.0),)))
def safe_norm_unsafe():
    def f(x):
        squares = jnp.sum(x * x, axis=-1)
        return jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1.0)), 0.0).astype(x.dtype)

    return rule(f, lambda x: (f(x), x), lambda x, y_bar: (x * (y_bar / f(x))[:, None],)), (normal(4, 3),)


def length(n: int):
    """A witness point: n numbers in single precision."""
    return lambda x: (uniform(n, low=0.9, high=1.1),)


@wrong(cases, "the last, partial block of 8 is left out", "S9", differs(length(37)))
def energy_partial_block():
    def bwd(x, y_bar):
        whole = len(x) // 8 * 8
        blocks = 2 * y_bar * x[:whole].reshape(-1, 8)
        return (jnp.zeros_like(x).at[:whole].set(blocks.reshape(-1)),)

    return rule(lambda x: jnp.sum(x * x), lambda x: (jnp.sum(x * x), x), bwd), (normal(32),)


@wrong(cases, "an axis of size 1 is taken as centred already", "S9", differs(lambda x: (normal(4, 1),)))
def centre_single():
    def f(x):
        return x - jnp.mean(x, axis=-1, keepdims=True)

    def bwd(_, y_bar):
        return (y_bar if y_bar.shape[-1] == 1 else f(y_bar),)

    return rule(f, lambda x: (f(x), None), bwd), (normal(4, 6),)


EVEN = np.full(2**18, 1.1, np.float32)


@wrong(
    cases,
    "differences of a running sum: the error grows with the length",
    "S10",
    differs(length(2**18), EVEN),
)
def moving_sum_by_prefix():
    """A sum over a window of eight; the output is kept as long as the input."""

    def f(x):
        padded = jnp.pad(x, (7, 0))
        return sum(padded[i : i + len(x)] for i in range(8))

    def bwd(_, y_bar):
        prefix = jnp.cumsum(jnp.pad(y_bar, (1, 8)))
        return (prefix[8:-1] - prefix[: len(y_bar)],)

    return rule(f, lambda x: (f(x), None), bwd), (normal(32),)


@wrong(cases, "log-sum-exp put back on the wrong axis of a square array", "S2", differs())
def logsumexp_wrong_axis():
    def f(x):
        top = jnp.max(x, axis=1, keepdims=True)
        return jnp.log(jnp.sum(jnp.exp(x - top), axis=1)) + top[:, 0]

    def bwd(x, y_bar):
        return (y_bar[:, None] * jnp.exp(x - f(x)[None, :]),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(5, 5),)


@wrong(cases, "positions in bf16: wrong from the 257th", "S10", differs(length(2048)))
def time_weighted_sum_bf16_positions():
    def f(x):
        return jnp.sum(x * jnp.arange(len(x), dtype=x.dtype)) / len(x)

    def bwd(x, y_bar):
        positions = np.arange(len(x)).astype(jnp.bfloat16).astype(x.dtype)
        return (y_bar * jnp.asarray(positions) / len(x),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(24),)


@wrong(cases, "1/N in half precision: exact for powers of two only", "S9", differs(length(3), tolerance=1e-4))
def mean_of_squares_half_count():
    def f(x):
        return jnp.mean(x * x)

    def bwd(x, y_bar):
        share = float(np.float16(1 / x.size))
        return (2 * share * y_bar * x,)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 8),)


@wrong(cases, "an even length has two middle entries", "S9", differs(lambda x: (normal(8),)))
def median_of_odd_length():
    def f(x):
        return jnp.median(x)

    def bwd(x, y_bar):
        return (jnp.zeros_like(x).at[jnp.argsort(x)[(len(x) - 1) // 2]].set(y_bar),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(7),)


@wrong(cases, "full gradient to both sides of a tie", "S5", differs(lambda x, y: (y, y), tolerance=0.9))
def distance_both_at_tie():
    """|x − y|: at x = y both cotangents are 1, so that moving both together would change it."""

    def bwd(residuals, z_bar):
        x, y = residuals
        return z_bar * jnp.where(x >= y, 1.0, -1.0).astype(x.dtype), z_bar * jnp.where(y >= x, 1.0, -1.0).astype(
            x.dtype
        )

    return rule(lambda x, y: jnp.abs(x - y), lambda x, y: (jnp.abs(x - y), (x, y)), bwd), (normal(6), normal(6, seed=1))
