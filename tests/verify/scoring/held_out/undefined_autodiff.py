"""Rules written for where autodiff is not finite and the value is."""

import jax.numpy as jnp

from tests.helpers.case import Case, normal, of_rank, pointwise, right, rule, wide, wrong
from tests.helpers.witness import near_differences, off_differences

cases: list[Case] = []


@wrong(cases, "a negative number gets the slope of its magnitude", "S2", off_differences())
def perceptual_curve_mirrored_below_zero():
    """Linear light to what a screen is sent."""

    def f(x):
        return jnp.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)

    def slope(x):
        size = jnp.abs(x)
        return jnp.where(size <= 0.0031308, 12.92, 1.055 / 2.4 * jnp.maximum(size, 1e-3) ** (1 / 2.4 - 1))

    return pointwise(f, slope), (0.5 * normal(4, 6),)


@wrong(cases, "what was cut off still learns, by the slope at the floor", "S2", off_differences())
def counts_stabilised_below_their_floor():
    """2 √(x + ⅜) of counts less their background."""

    def f(x):
        return jnp.where(x > -0.375, 2 * jnp.sqrt(x + 0.375), 0.0)

    return pointwise(f, lambda x: 1 / jnp.sqrt(jnp.maximum(x + 0.375, 1e-4))), (2 * normal(4, 6),)


def apart(x):
    """Differences of all pairs, and their lengths: zero on the diagonal."""
    of_rank(2, x)
    d = x[:, None] - x[None, :]
    return d, jnp.sqrt(jnp.sum(d * d, axis=-1))


@wrong(cases, "of a pair's two places in the table one is counted", "S2", off_differences())
def cubed_distances_of_all_pairs_one_place():
    def f(x):
        return jnp.sum(apart(x)[1] ** 3)

    def bwd(x, bar):
        d, length = apart(x)
        return (3 * bar * jnp.sum(length[..., None] * d, axis=1),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(5, 3),)


@right(cases, "S2", near_differences())
def overlap_of_spheres_of_all_pairs():
    """½ Σ max(2 − |xᵢ − xⱼ|, 0)², with each sphere's overlap with itself."""

    def f(x):
        return 0.5 * jnp.sum(jnp.maximum(2 - apart(wide(x))[1], 0) ** 2).astype(x.dtype)

    def bwd(x, bar):
        of_rank(2, x)
        d = wide(x)[:, None] - wide(x)[None, :]
        square = jnp.sum(d * d, axis=-1)
        length = jnp.sqrt(jnp.where(square > 0, square, 1))
        pull = jnp.where(square > 0, jnp.maximum(2 - length, 0) / length, 0)
        return ((-2 * wide(bar) * jnp.sum(pull[..., None] * d, axis=1)).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(5, 3),)


@right(cases, "S3", near_differences())
def power_transform_of_both_signs():
    """Of Yeo and Johnson, with the exponent ½: each branch is a power of a negative number on the other side."""

    def f(x):
        w = wide(x)
        return jnp.where(w >= 0, 2 * (jnp.sqrt(w + 1) - 1), -((1 - w) ** 1.5 - 1) / 1.5).astype(x.dtype)

    def slope(x):
        root = jnp.sqrt(1 + jnp.abs(wide(x)))
        return jnp.where(x >= 0, 1 / root, root)

    def bwd(x, y_bar):
        return ((wide(y_bar) * slope(x)).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (2 * normal(4, 6),)


# The slope of x / tanh x over x, in powers of x², the highest first.
INVERSE_TANH = (56 / 18243225, -12 * 1382 / 638512875, 20 / 93555, -8 / 4725, 12 / 945, -4 / 45, 2 / 3)


@right(cases, "S5", near_differences(lambda x: (jnp.asarray([0.0, 0.3, -1.7, 0.0, 4.0, 0.01], jnp.float64),)))
def inverse_of_tanh_ratio():
    """x / tanh x, one at zero, of activations that are often exactly zero."""

    def f(x):
        w = wide(x)
        return jnp.where(w == 0, 1.0, w / jnp.tanh(w)).astype(x.dtype)

    def bwd(x, y_bar):
        w = wide(x)
        near = jnp.abs(w) < 0.3
        s = jnp.where(near, w, 0)
        series = s * jnp.polyval(jnp.asarray(INVERSE_TANH, s.dtype), s * s)
        t = jnp.clip(jnp.where(near, 1, w), -40, 40)
        slope = jnp.where(near, series, 1 / jnp.tanh(t) - t / jnp.sinh(t) ** 2)
        return ((wide(y_bar) * slope).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (jnp.maximum(normal(4, 6), 0),)
