"""tanh: the mathematics stands in `activations/_relu`."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number
from .._common._precision import widen


@jax.custom_vjp
def tanh(x: Array) -> Array:
    """Hyperbolic tangent of each element of ``x`` (any shape, floating)."""
    return tanh_fwd(x)[0]


def tanh_fwd(x):
    require_floating("tanh", x=x)
    y = jnp.tanh(x)
    return y, y


def tanh_bwd(y, y_bar):
    x_bar = widen(y_bar) * (1 - widen(y)) * (1 + widen(y))
    return (x_bar.astype(y.dtype),)


tanh.defvjp(tanh_fwd, tanh_bwd)


def tanh_reference(x):
    return jnp.sinh(x) / jnp.cosh(x)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def softcap(x: Array, cap: float) -> Array:
    """``cap tanh(x / cap)`` of each element of ``x`` (any shape, floating): x where small, never beyond ±cap."""
    return softcap_fwd(x, cap)[0]


def softcap_fwd(x, cap):
    require_floating("softcap", x=x)
    require_number("softcap", "cap", cap, "above 0", cap > 0)
    y = (cap * jnp.tanh(widen(x) / cap)).astype(jnp.result_type(x))
    return y, y


def softcap_bwd(cap, y, y_bar):
    part = widen(y) / cap
    return ((widen(y_bar) * (1 - part) * (1 + part)).astype(y.dtype),)


softcap.defvjp(softcap_fwd, softcap_bwd)


def softcap_reference(x, cap):
    return cap * (1 - 2 / (jnp.exp(2 * x / cap) + 1))
