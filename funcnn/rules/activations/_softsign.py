"""softsign: the mathematics stands in `activations/_mish`."""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating
from .._common._precision import finite, widen


@jax.custom_vjp
def softsign(x: Array) -> Array:
    """``x / (1 + |x|)`` of each element of ``x`` (any shape, floating)."""
    return softsign_fwd(x)[0]


def softsign_fwd(x):
    require_floating("softsign", x=x)
    x32 = finite(widen(x))
    return (x32 / (1 + jnp.abs(x32))).astype(jnp.result_type(x)), x


def softsign_bwd(x, y_bar):
    share = 1 / (1 + jnp.abs(widen(x)))
    return ((widen(y_bar) * share * share).astype(x.dtype),)


softsign.defvjp(softsign_fwd, softsign_bwd)


def softsign_reference(x):
    return jnp.sign(x) * (1 - 1 / (1 + jnp.sign(x) * x))
