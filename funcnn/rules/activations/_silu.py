"""silu, silu_value_and_slope: the mathematics stands in `activations/_relu`."""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating
from .._common._precision import widen


@jax.custom_vjp
def silu(x: Array) -> Array:
    """``x * sigmoid(x)`` of each element of ``x`` (any shape, floating), also called swish."""
    return silu_fwd(x)[0]


def silu_fwd(x):
    require_floating("silu", x=x)
    return silu_value_and_slope(widen(x))[0].astype(jnp.result_type(x)), x


def silu_bwd(x, y_bar):
    return ((widen(y_bar) * silu_value_and_slope(widen(x))[1]).astype(x.dtype),)


def silu_value_and_slope(x):
    """x σ(x), and σ(x) (1 + x (1 - σ(x)))."""
    s = jax.lax.logistic(x)
    inside = jnp.clip(x, -_SIGMOID_FLAT, _SIGMOID_FLAT)
    return jnp.maximum(x, -_SIGMOID_FLAT) * s, s * (1 + inside * (1 - s))


# σ is 0, or 1, from here on, in float64 too.
_SIGMOID_FLAT = 1000.0


silu.defvjp(silu_fwd, silu_bwd)


def silu_reference(x):
    return x / (1 + jnp.exp(-x))
