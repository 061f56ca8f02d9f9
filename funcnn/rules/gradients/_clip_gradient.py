"""clip_gradient: the mathematics stands in `gradients/_scale_gradient`."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number
from .._common._cotangent import cotangent, token


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def clip_gradient(x: Array, low: float, high: float) -> Array:
    """x itself, with each entry of its cotangent cut to the interval from ``low`` to ``high``."""
    return clip_gradient_fwd(x, low, high)[0]


def clip_gradient_fwd(x, low, high):
    require_floating("clip_gradient", x=x)
    require_number("clip_gradient", "low", low)
    require_number("clip_gradient", "high", high, f"not below low = {low}", high >= low)
    return jnp.asarray(x), token(x)


def clip_gradient_bwd(low, high, x, y_bar):
    return (cotangent(jnp.clip(y_bar, low, high), x),)


clip_gradient.defvjp(clip_gradient_fwd, clip_gradient_bwd)


def clip_gradient_reference(x, low, high):
    """No plain function has such a gradient: this is a rule as well, that clips by two comparisons."""

    @jax.custom_vjp
    def identity(x):
        return x

    def bwd(_, y_bar):
        return (jnp.where(y_bar < low, low, jnp.where(y_bar > high, high, y_bar)).astype(y_bar.dtype),)

    identity.defvjp(lambda x: (x, None), bwd)
    return identity(x)
