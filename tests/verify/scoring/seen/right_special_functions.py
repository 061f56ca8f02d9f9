"""Right rules of special functions, whose own autodiff in JAX is slow, or wrong on a part of the line."""

import jax.numpy as jnp
from jax.scipy import special

from tests.helpers.case import Case, from_output, normal, pointwise, right, uniform

cases: list[Case] = []


@right(cases, "S11")
def digamma_by_trigamma():
    """Compiled beside itself, a loop over a series may differ in the last bit."""
    return pointwise(special.digamma, lambda x: special.polygamma(1, x)), (uniform(3, low=0.5, high=3.0),)


@right(cases, "S8")
def log_gamma_by_digamma():
    """JAX's derivative of digamma is wrong for negative numbers: the rule's second derivative is wrong with it."""
    return pointwise(special.gammaln, special.digamma), (uniform(4, low=0.5, high=4.0),)


@right(cases, "S3")
def inverse_error_function():
    def slope(y):
        return jnp.sqrt(jnp.pi).astype(y.dtype) / 2 * jnp.exp(y * y)

    return from_output(special.erfinv, slope), (uniform(5, low=-0.9, high=0.9),)


@right(cases, "S3")
def bessel_of_order_0():
    return pointwise(special.i0, special.i1), (normal(5),)
