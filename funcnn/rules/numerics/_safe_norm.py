"""safe_norm: the mathematics stands in `numerics/_safe_divide`."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_axis, require_floating
from .._common._cotangent import cotangent
from .._common._length import length, over
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def safe_norm(x: Array, axis: int | tuple[int, ...] = -1, keepdims: bool = False) -> Array:
    """Euclidean norm over the axis; at a row of zeros its derivative is 0.

    Args:
      x: floating, of rank 1 or more.
      axis: one axis or several.
      keepdims: whether the axes stay, with size 1.

    Returns:
      The shape of x without the axes, of x's dtype.
    """
    return safe_norm_fwd(x, axis, keepdims)[0]


def safe_norm_fwd(x, axis, keepdims):
    require_floating("safe_norm", x=x)
    require_axis("safe_norm", axis, x.ndim)
    y = length(x, axis).astype(x.dtype)
    return y if keepdims else jnp.squeeze(y, axis), (x, y)


def safe_norm_bwd(axis, keepdims, residuals, y_bar):
    x, y = residuals
    y_bar = widen(y_bar if keepdims else jnp.expand_dims(y_bar, axis))
    endless = jnp.isinf(x)
    direction = jnp.where(endless, jnp.sign(widen(x)), over(jnp.where(endless, 0, x), widen(y)))
    return (cotangent(y_bar * direction, x),)


safe_norm.defvjp(safe_norm_fwd, safe_norm_bwd)


def safe_norm_reference(x, axis=-1, keepdims=False):
    """By the plain formula, and where it has no derivative by that of a constant."""
    square = jnp.sum(x * x, axis=axis, keepdims=keepdims)
    return jnp.where(square > 0, jnp.where(square > 0, square, 1) ** 0.5, 0)
