"""Rules of float32 whose inner numbers leave the range of half precision."""

import jax.numpy as jnp

from tests.helpers.case import Case, normal, right, rule, uniform, wide, wrong
from tests.helpers.witness import gap, pullbacks

cases: list[Case] = []


@right(cases, "S6")
def length_with_square_sum_in_its_dtype():
    """Of each row; from 256 on its square sum is not a float16."""

    def f(x):
        return jnp.sqrt(jnp.sum(wide(x) ** 2, axis=-1)).astype(x.dtype)

    def bwd(x, bar):
        length = jnp.sqrt(jnp.sum(x * x, axis=-1, keepdims=True))
        return (bar[..., None] * x / jnp.where(length > 0, length, 1),)

    return rule(f, lambda x: (f(x), x), bwd), (2 * normal(4, 6),)


@right(cases, "S6")
def quartic_window():
    """1 / (1 + x⁴); cubes stay within float32, not within float16."""

    def f(x):
        return 1 / (1 + x**4)

    def fwd(x):
        y = f(x)
        return y, (x, y)

    def bwd(kept, bar):
        x, y = kept
        return (bar * -4 * jnp.clip(x, -1e9, 1e9) ** 3 * y * y,)

    return rule(f, fwd, bwd), (normal(4, 6),)


def in_float16(f, x):
    """At the example's own size the rule is not finite in float16, and autodiff is right."""
    half = (x.astype(jnp.float16),)
    got, auto = pullbacks([f, f.__wrapped__], half)
    true = pullbacks([f.__wrapped__], [half[0].astype(jnp.float64)], jnp.ones(()))[0]
    return gap(got, auto) == float("inf") and all(jnp.isfinite(a).all() for a in (*auto, *true))


@wrong(cases, "pixels up to 255 are cubed before they are divided", "S6", in_float16)
def pixel_contrast_cubed_undivided():
    """The mean fourth power of pixels over 255."""

    def f(x):
        return jnp.mean((wide(x) / 255) ** 4).astype(x.dtype)

    def bwd(x, bar):
        cube = x * x * x
        return (bar * 4 * (cube / 255 / 255 / 255) / (255 * x.size),)

    return rule(f, lambda x: (f(x), x), bwd), (uniform(4, 6, high=255.0),)


@wrong(cases, "exp(12) times exp(−12): the first leaves float16", "S6", in_float16)
def mean_energy_by_unshifted_weights():
    """log mean exp of scores near 12."""

    def f(x):
        w = wide(x)
        top = jnp.max(w)
        return (top + jnp.log(jnp.mean(jnp.exp(w - top)))).astype(x.dtype)

    def bwd(x, bar):
        weight = jnp.exp(x)
        return (bar * weight / jnp.sum(weight),)

    return rule(f, lambda x: (f(x), x), bwd), (12 + normal(8),)
