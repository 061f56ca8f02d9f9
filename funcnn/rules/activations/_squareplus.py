"""squareplus: the mathematics stands in `activations/_mish`."""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number
from .._common._precision import finite, widen

_SQUAREPLUS_LINEAR = 2.0**50  # from here on its slope is 1, in double precision


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def squareplus(x: Array, b: float = 4.0) -> Array:
    """``(x + sqrt(x² + b)) / 2`` of each element of ``x`` (any shape, floating), ``b`` above 0."""
    return squareplus_fwd(x, b)[0]


def squareplus_fwd(x, b):
    require_floating("squareplus", x=x)
    require_number("squareplus", "b", b, "above 0", b > 0)
    size = jnp.abs(widen(x))
    upper = size / 2 + jnp.hypot(finite(size), jnp.full_like(size, math.sqrt(b))) / 2  # f(|x|); f(x) f(-x) = b / 4
    y = jnp.where(x < 0, b / 4 / upper, upper).astype(jnp.result_type(x))
    return y, y


def squareplus_bwd(b, y, y_bar):
    q = jnp.minimum(widen(y) * (2 / math.sqrt(b)), _SQUAREPLUS_LINEAR)
    slope = q * q / (q * q + 1)
    return ((widen(y_bar) * slope).astype(y.dtype),)


squareplus.defvjp(squareplus_fwd, squareplus_bwd)


def squareplus_reference(x, b=4.0):
    return (x + jnp.sqrt(x * x + b)) / 2
