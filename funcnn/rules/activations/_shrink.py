"""soft_shrink, hard_shrink: the mathematics stands in `activations/_hard`."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def soft_shrink(x: Array, threshold: float = 0.5) -> Array:
    """``x`` moved towards 0 by the threshold, and 0 if it would pass it (any shape, floating)."""
    return soft_shrink_fwd(x, threshold)[0]


def soft_shrink_fwd(x, threshold):
    require_floating("soft_shrink", x=x)
    require_number("soft_shrink", "threshold", threshold, "not below 0", threshold >= 0)
    x32 = widen(x)
    y = jnp.where(jnp.abs(x32) <= threshold, 0, x32 - jnp.sign(x32) * threshold).astype(jnp.result_type(x))
    return y, y


def soft_shrink_bwd(threshold, y, y_bar):
    del threshold
    return (jnp.where(y == 0, 0, y_bar),)


soft_shrink.defvjp(soft_shrink_fwd, soft_shrink_bwd)


def soft_shrink_reference(x, threshold=0.5):
    return x - (jnp.abs(x + threshold) - jnp.abs(x - threshold)) / 2


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def hard_shrink(x: Array, threshold: float = 0.5) -> Array:
    """``x`` where it is farther from 0 than the threshold, else 0 (any shape, floating)."""
    return hard_shrink_fwd(x, threshold)[0]


def hard_shrink_fwd(x, threshold):
    require_floating("hard_shrink", x=x)
    require_number("hard_shrink", "threshold", threshold, "not below 0", threshold >= 0)
    y = jnp.where(jnp.abs(x) <= threshold, 0, x)
    return y, y


def hard_shrink_bwd(threshold, y, y_bar):
    del threshold
    return (jnp.where(y == 0, 0, y_bar),)


hard_shrink.defvjp(hard_shrink_fwd, hard_shrink_bwd)


def hard_shrink_reference(x, threshold=0.5):
    return x * (jnp.sign(x - threshold) - jnp.sign(x + threshold) + 2) / 2
