"""Wrong rules of sums, products, norms and moments."""

import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, rule, uniform, wrong
from tests.helpers.witness import differs

cases: list[Case] = []

EVEN = np.full(2**18, 1.1, np.float32)


def length(n: int):
    """A witness point: n numbers in single precision."""
    return lambda x: (uniform(n, low=0.9, high=1.1),)


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
