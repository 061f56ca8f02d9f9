r"""Division by the Euclidean length: rows become unit vectors.

Forward, ‖·‖ and ⟨·,·⟩ over the axis
    y = r x,  r = 1 / max(‖x‖, eps)

Backward
    x_bar = r (y_bar - y ⟨y, y_bar⟩)            where r < 1 / eps, that is ‖x‖ > eps
    x_bar = r y_bar                             elsewhere

Derivation
    d‖x‖ = ⟨x, dx⟩ / ‖x‖ = ⟨y, dx⟩, so dy = dx / ‖x‖ - x d‖x‖ / ‖x‖² = (dx - y ⟨y, dx⟩) / ‖x‖.
    dx - y ⟨y, dx⟩ is a projection, which is its own transpose: ⟨y_bar, y ⟨y, dx⟩⟩ = ⟨y ⟨y, y_bar⟩, dx⟩.
    Where ‖x‖ ≤ eps the divisor is a constant, and dy = dx / eps.

Residuals
    x, which the caller holds anyway, and r: one number a row, float32 or wider. y is recomputed.

Edges
    A row of zeros gives y = 0 and x_bar = y_bar / eps. Where r is beyond the range of x's dtype, x_bar is 0: in float16
    where ‖x‖ and eps are below 1.5e-5. At ‖x‖ = eps the inner branch holds. inf makes NaN of itself and of its row's
    x_bar; NaN of its row. No square overflows or underflows: only a length above 8e37 in float32 counts as infinite, one
    below 1e-38 as 0. The second order is NaN where 1 / ‖x‖² overflows.

Accuracy
    l2_normalize: value within 5 ulp, cotangents within 8; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻¹⁰⁰ to 2¹⁰⁰.

Source
    Salimans & Kingma, "Weight normalization", 2016, eqs. 2 and 3, of which this is the part without g. The eps is torch's.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_axis, require_floating, require_number
from .._common._cotangent import cotangent
from .._common._length import inverse_length
from .._common._precision import representable, widen

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
      TypeError: x is not floating, the axis is not an int or a tuple of ints, or eps is not a number.
      ValueError: x does not have the axis, or eps is not above 0.

    Example:
      >>> rules.l2_normalize(jnp.array([3.0, 4.0]))
      Array([0.6, 0.8], dtype=float64)
    """
    return l2_normalize_fwd(x, axis, eps)[0]


def l2_normalize_fwd(x, axis, eps):
    require_floating("l2_normalize", x=x)
    require_axis("l2_normalize", axis, jnp.ndim(x))
    require_number("l2_normalize", "eps", eps, "above 0", lambda v: v > 0)
    r = inverse_length(x, axis, eps)
    return (r * widen(x)).astype(x.dtype), (x, r)


def l2_normalize_bwd(axis, eps, residuals, y_bar):
    x, r = residuals
    y, y_bar = r * widen(x), widen(y_bar)
    along = y * jnp.sum(y * y_bar, axis, keepdims=True)
    x_bar = representable(r, x) * (y_bar - jnp.where(r < 1 / eps, along, 0))
    return (cotangent(x_bar, x),)


l2_normalize.defvjp(l2_normalize_fwd, l2_normalize_bwd)


def l2_normalize_reference(x, axis=-1, eps=1e-12):
    """By the logarithm of the square."""
    return x * jnp.exp(-jnp.log(jnp.maximum(jnp.sum(jnp.abs(x) ** 2, axis, keepdims=True), eps**2)) / 2)
