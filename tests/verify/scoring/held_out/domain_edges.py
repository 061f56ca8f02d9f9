"""Rules near the ends of a domain."""

import jax.numpy as jnp

from tests.helpers.case import Case, pointwise, right, rule, uniform, wide, wrong
from tests.helpers.witness import at, differs

cases: list[Case] = []


@wrong(cases, "the slope stops growing shortly before ±1", "S3", differs(at(0.5, -0.99999, 0.99999)))
def correlation_to_normal_floor():
    """Fisher's artanh of correlations."""
    return pointwise(jnp.arctanh, lambda r: 1 / jnp.maximum(1 - r * r, 1e-3)), (uniform(4, 6, low=-0.9, high=0.9),)


@wrong(cases, "probabilities cut off at a thousandth in the backward pass alone", "S3", differs(at(0.5, 1e-5, 0.99999)))
def log_odds_of_cut_off_probability():
    def slope(p):
        p = jnp.clip(p, 1e-3, 1 - 1e-3)
        return 1 / (p * (1 - p))

    return pointwise(lambda p: jnp.log(p) - jnp.log1p(-p), slope), (uniform(4, 6, low=0.05, high=0.95),)


@wrong(cases, "depths above −1e-4 get the slope at −1e-4", "S3", differs(at(-1.0, -1e-5, -3e-7)))
def log_depth_below_the_surface():
    """log(−z) of depths, all negative."""
    return pointwise(lambda z: jnp.log(-z), lambda z: 1 / jnp.minimum(z, -1e-4)), (uniform(4, 6, low=-3, high=-0.2),)


def upright(f, slope):
    """A pointwise rule that computes in float32 at least."""

    def bwd(x, bar):
        return ((wide(bar) * slope(wide(x))).astype(x.dtype),)

    def value(x):
        return f(wide(x)).astype(x.dtype)

    return rule(value, lambda x: (value(x), x), bwd)


@right(cases, "S3")
def angular_transform_of_shares():
    """asin √p, whose slope grows without bound at both ends."""

    def slope(p):
        return 0.5 / (jnp.sqrt(p) * jnp.sqrt(1 - p))

    return upright(lambda p: jnp.arcsin(jnp.sqrt(p)), slope), (uniform(4, 6, low=0.05, high=0.95),)


@right(cases, "S3")
def double_log_of_a_uniform():
    """−log(−log u), a Gumbel variable."""
    return upright(lambda u: -jnp.log(-jnp.log(u)), lambda u: -1 / (u * jnp.log(u))), (
        uniform(4, 6, low=0.05, high=0.95),
    )


@right(cases, "S5")
def log_power_over_a_floor():
    """log max(x, 1e-3): the cut stands in the function too."""

    def slope(x):
        return jnp.where(x > 1e-3, 1 / jnp.maximum(x, 1e-3), 0)

    return upright(lambda x: jnp.log(jnp.maximum(x, 1e-3)), slope), (uniform(4, 6, low=0.01, high=2.0),)
