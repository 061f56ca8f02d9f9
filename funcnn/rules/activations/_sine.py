"""sine: the mathematics stands in `activations/_mish`."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def sine(x: Array, omega: float = 30.0) -> Array:
    """``sin(omega x)`` of each element of ``x`` (any shape, floating), as sinusoidal representation networks use it."""
    return sine_fwd(x, omega)[0]


def sine_fwd(x, omega):
    require_floating("sine", x=x)
    require_number("sine", "omega", omega)
    return jnp.sin(omega * widen(x)).astype(jnp.result_type(x)), x


def sine_bwd(omega, x, y_bar):
    return ((widen(y_bar) * omega * jnp.cos(omega * widen(x))).astype(x.dtype),)


sine.defvjp(sine_fwd, sine_bwd)


def sine_reference(x, omega=30.0):
    return 2 * jnp.sin(omega * x / 2) * jnp.cos(omega * x / 2)
