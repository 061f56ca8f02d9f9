"""Rules near the edge of a domain, on both sides of a constant of their own, and at one small argument."""

import jax.numpy as jnp

from tests.helpers.case import Case, normal, pointwise, right, rule, uniform, wrong
from tests.helpers.witness import at, differs, doubled

cases: list[Case] = []


def of_two(f, bars):
    """A rule of two arguments, both saved; ``bars(x, y)`` are the slopes by them."""
    scaled = lambda args, g: tuple(g * slope for slope in bars(*args))
    return rule(f, lambda *args: (f(*args), args), scaled)


@wrong(
    cases, "the root in the slope clipped shortly before the end of the domain", "S3", differs(at(0.5, 0.999999, 0.1))
)
def arcsin_clipped_near_one():
    return pointwise(jnp.arcsin, lambda x: 1 / jnp.sqrt(jnp.maximum(1 - x * x, 1e-4))), (
        uniform(6, low=-0.9, high=0.9),
    )


@wrong(cases, "the input clipped in the backward pass alone", "S3", differs(at(0.5, 0.9999995, 0.1)))
def arctanh_of_clipped_input():
    slope = lambda x: 1 / (1 - jnp.clip(x, -0.999999, 0.999999) ** 2)
    return pointwise(jnp.arctanh, slope), (uniform(3, low=-0.5, high=0.5),)


@wrong(cases, "p (1 - p) kept above a small number", "S3", differs(at(0.5, 1e-7, 0.1)))
def logit_slope_bounded():
    f = lambda p: jnp.log(p) - jnp.log1p(-p)
    return pointwise(f, lambda p: 1 / jnp.maximum(p * (1 - p), 1e-6)), (uniform(5, low=0.1, high=0.9),)


@wrong(cases, "the barrier's slope bounded near the sphere", "S3", differs(at(0.0, 0.0, 0.99999)))
def ball_barrier_bounded():
    """-log(1 - |x|²): one number outside of the ball, and there is no value at all."""
    f = lambda x: -jnp.log(1 - jnp.sum(x * x))
    return pointwise(f, lambda x: 2 * x / jnp.maximum(1 - jnp.sum(x * x), 1e-4)), (0.2 * normal(3),)


@wrong(cases, "the gap kept above a small number", "S3", differs(lambda x, y: doubled((y + 1e-4, y))))
def log_of_gap_bounded():
    def bars(x, y):
        gap = jnp.maximum(x - y, 1e-3)
        return 1 / gap, -1 / gap

    return of_two(lambda x, y: jnp.log(x - y), bars), (uniform(4, low=2, high=3), uniform(4, seed=1))


@wrong(cases, "off between two constants that stand in the backward pass alone", "S3", differs(at(4.45)))
def tanh_off_in_a_band():
    band = lambda x: jnp.where((x > 4.4) & (x < 4.5), 0.9, 1.0).astype(x.dtype)
    return pointwise(jnp.tanh, lambda x: (1 - jnp.tanh(x) ** 2) * band(x)), (normal(3),)


@wrong(cases, "the small argument lost beside a guard", "S3", differs(lambda x, s: doubled((x, s * 1e-8))))
def ratio_with_guarded_slope():
    """x / s, whose slope by x has a guard of 1e-6 that the value has not."""
    return of_two(lambda x, s: x / s, lambda x, s: (1 / jnp.where(jnp.abs(s) < 1e-5, s + 1e-6, s), -x / s**2)), (
        normal(4),
        uniform(4, low=0.5, high=2, seed=1),
    )


@wrong(cases, "the squared radius kept above a small number", "S3", differs(lambda y, x: doubled((y * 1e-8, x * 1e-8))))
def arctan2_bounded_at_the_origin():
    """One number small by itself does not come near the bound: both must."""
    slopes = lambda y, x: (x / jnp.maximum(x * x + y * y, 1e-14), -y / jnp.maximum(x * x + y * y, 1e-14))
    return of_two(jnp.arctan2, slopes), (normal(5), uniform(5, low=0.5, high=2, seed=1))


@wrong(cases, "a guard in the sum that divides, too large", "S3", differs(lambda x, y: doubled((x * 1e-8, y * 1e-8))))
def share_with_a_guard_in_its_slopes():
    """x / (x + y), whose value has no guard."""
    slopes = lambda x, y: (y / (x + y + 1e-9) ** 2, -x / (x + y + 1e-9) ** 2)
    return of_two(lambda x, y: x / (x + y), slopes), (uniform(4, low=0.5, high=2), uniform(4, low=0.5, high=2, seed=1))


@right(cases, "S3")
def arctan2_of_scaled():
    """Right down to numbers whose squares are not: the larger one is divided out first."""

    def slopes(y, x):
        size = jnp.maximum(jnp.abs(x), jnp.abs(y))
        size = jnp.where(size > 0, size, 1)
        square = size * ((x / size) ** 2 + (y / size) ** 2)
        return x / size / jnp.where(square > 0, square, 1), -y / size / jnp.where(square > 0, square, 1)

    return of_two(jnp.arctan2, slopes), (normal(5), uniform(5, low=0.5, high=2, seed=1))


@right(cases, "S3")
def share_with_its_slopes():
    slopes = lambda x, y: ((1 - x / (x + y)) / (x + y), -x / (x + y) / (x + y))
    return of_two(lambda x, y: x / (x + y), slopes), (uniform(4, low=0.5, high=2), uniform(4, low=0.5, high=2, seed=1))


@right(cases, "S3")
def arcsin_of_factors():
    """(1 - x)(1 + x) is exact near one, where 1 - x² is not."""
    return pointwise(jnp.arcsin, lambda x: 1 / jnp.sqrt((1 - x) * (1 + x))), (uniform(6, low=-0.9, high=0.9),)


@right(cases, "S3")
def logit_of_factors():
    return pointwise(lambda p: jnp.log(p) - jnp.log1p(-p), lambda p: 1 / (p * (1 - p))), (
        uniform(4, 6, low=0.1, high=0.9),
    )


@right(cases, "S3")
def ball_barrier():
    f = lambda x: -jnp.log(1 - jnp.sum(x * x))
    return pointwise(f, lambda x: 2 * x / (1 - jnp.sum(x * x))), (0.2 * normal(3),)


@right(cases, "S3")
def log_of_gap():
    slope = lambda x, y: (1 / (x - y), -1 / (x - y))
    return of_two(lambda x, y: jnp.log(x - y), slope), (uniform(4, low=2, high=3), uniform(4, seed=1))


@right(cases, "S3")
def log_one_minus_exp():
    """log(1 - eˣ) for negative numbers only."""
    f = lambda x: jnp.log(-jnp.expm1(x))
    return pointwise(f, lambda x: -1 / jnp.expm1(-x)), (-uniform(5, low=0.5, high=4),)


@right(cases, "S3")
def ratio_with_its_slopes():
    return of_two(lambda x, s: x / s, lambda x, s: (1 / s, -x / s / s)), (
        normal(4),
        uniform(4, low=0.5, high=2, seed=1),
    )
