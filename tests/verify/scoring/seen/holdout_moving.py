"""Held out: more wrong rules of maps between arrays: moving, picking, reducing."""

import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, rule, uniform, wrong
from tests.helpers.witness import differs

cases: list[Case] = []


def length(n: int):
    """A witness point: n numbers in single precision."""
    return lambda x: (uniform(n, low=0.9, high=1.1),)


@wrong(cases, "the branch not taken gets the gradient too", "S2", differs())
def where_both_branches():
    def f(mask, x, y):
        return jnp.where(mask, x, y)

    def bwd(mask, z_bar):
        return None, jnp.where(mask, z_bar, 0.0).astype(z_bar.dtype), z_bar

    return rule(f, lambda mask, x, y: (f(mask, x, y), mask), bwd), (
        jnp.asarray([True, False, True, True, False]),
        normal(5),
        normal(5, seed=1),
    )


@wrong(cases, "mean in place of a sum over the copies", "S2", differs())
def upsample_mean():
    """Nearest upsampling by two."""

    def f(x):
        return jnp.repeat(x, 2, axis=1)

    def bwd(_, y_bar):
        return (jnp.mean(y_bar.reshape(y_bar.shape[0], -1, 2), axis=2),)

    return rule(f, lambda x: (f(x), None), bwd), (normal(3, 5),)


@wrong(cases, "axes permuted by the permutation instead of its inverse", "S2", differs())
def rotate_axes_forwards():
    def f(x):
        return jnp.transpose(x, (1, 2, 0))

    return rule(f, lambda x: (f(x), None), lambda _, y_bar: (f(y_bar),)), (normal(3, 3, 3),)


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
