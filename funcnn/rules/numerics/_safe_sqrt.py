"""safe_sqrt: the mathematics stands in `numerics/_safe_divide`."""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating
from .._common._precision import widen


@jax.custom_vjp
def safe_sqrt(x: Array) -> Array:
    """Square root of each element of ``x`` (any shape, floating); 0, with derivative 0, where x is not above 0."""
    return safe_sqrt_fwd(x)[0]


def safe_sqrt_fwd(x):
    require_floating("safe_sqrt", x=x)
    y = jnp.where(x <= 0, 0, jnp.sqrt(jnp.where(x <= 0, 1, x)))
    return y, y


def safe_sqrt_bwd(y, y_bar):
    root = jnp.where(y == 0, 1, widen(y))
    return (jnp.where(y == 0, 0, widen(y_bar) / (2 * root)).astype(y.dtype),)


safe_sqrt.defvjp(safe_sqrt_fwd, safe_sqrt_bwd)


def safe_sqrt_reference(x):
    return jnp.where(x > 0, jnp.exp(jnp.log(jnp.where(x > 0, x, 1)) / 2), 0)
