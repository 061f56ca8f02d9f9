"""l2_normalize, Axis: the mathematics stands in `normalization/_spectral_norm`."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_axis, require_floating, require_number
from .._common._cotangent import cotangent
from .._common._length import inverse_length
from .._common._precision import widen

Axis = int | tuple[int, ...]


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def l2_normalize(x: Array, axis: Axis = -1, eps: float = 1e-12) -> Array:
    """Divide by the Euclidean length over the axis, or by eps where the length is smaller.

    Args:
      x: floating, of rank 1 or more.
      axis: one axis or several, over which the length is taken.
      eps: the smallest divisor; above 0.

    Returns:
      The shape and dtype of x. A row of zeros stays one.

    Raises:
      TypeError, ValueError: x is not floating, or an option not as described.

    Example:
      >>> rules.l2_normalize(jnp.array([3.0, 4.0]))
      Array([0.6, 0.8], dtype=float64)
    """
    return l2_normalize_fwd(x, axis, eps)[0]


def l2_normalize_fwd(x, axis, eps):
    require_floating("l2_normalize", x=x)
    require_axis("l2_normalize", axis, jnp.ndim(x))
    require_number("l2_normalize", "eps", eps, "above 0", eps > 0)
    r = inverse_length(x, axis, eps)
    return (r * widen(x)).astype(x.dtype), (x, r)


def l2_normalize_bwd(axis, eps, residuals, y_bar):
    x, r = residuals
    y, y_bar = r * widen(x), widen(y_bar)
    along = y * jnp.sum(y * y_bar, axis, keepdims=True)
    x_bar = r * (y_bar - jnp.where(r < 1 / eps, along, 0))
    return (cotangent(x_bar, x),)


l2_normalize.defvjp(l2_normalize_fwd, l2_normalize_bwd)


def l2_normalize_reference(x, axis=-1, eps=1e-12):
    return x * jnp.exp(-jnp.log(jnp.maximum(jnp.sum(jnp.abs(x) ** 2, axis, keepdims=True), eps**2)) / 2)
