r"""Layer normalisation: each row by its own mean and variance, over the last axis.

Forward, m(·) the mean over the last axis
    z = r (x - m(x)),   r = (m((x - m(x))²) + eps)^(-1/2)
    y = scale z + shift                  x, z, y [..., n]   r [..., 1]   scale, shift [n], or None for 1 and 0

Backward
    scale_bar = Σ_rows y_bar z      shift_bar = Σ_rows y_bar      z_bar = scale y_bar
    x_bar     = r (z_bar - m(z_bar) - z m(z z_bar))

Derivation
    That of `_moments`, with a row as what the mean is taken over. With c = x - m(x):
    dc = dx - m(dx), and dr = -r³ m(c dc) = -r² m(z dx), as m(z) = 0.
    dz = r dc + c dr = r (dx - m(dx) - z m(z dx)), a map that is its own transpose: x_bar is the same map of z_bar.

Residuals
    x, scale and shift, which the caller holds anyway (of shift only the shape is read), and m(x), as two numbers, and r:
    three numbers a row, float32 or wider. z is rebuilt: cheaper than reading an array of x's size from memory.

Edges
    A row of equal entries gives y = shift exactly and x_bar = (z_bar - m(z_bar)) / √eps. A row that holds inf or NaN is
    NaN. ±1e30 gives z = ±1 in float32 too. A row whose sum overflows gives z = 0 and x_bar = 0. A mean of 1e6 beside a
    deviation of 1 loses no digits (`_moments`). n = 0 gives empty arrays. Half precision is accumulated in float32 and
    rounded once.

Accuracy
    layer_norm: value within 6 ulp, cotangents within 8; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻¹⁰⁰ to 2¹⁰⁰.

Source
    Ba, Kiros & Hinton, "Layer normalization", 2016, eq. 4.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_number, shapes
from .._common._cotangent import cotangent
from ._moments import scale_shift, scale_shift_bwd, standardize, standardize_bwd, standardized


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def layer_norm(x: Array, scale: Array | None = None, shift: Array | None = None, eps: float = 1e-5) -> Array:
    """Give each row mean 0 and variance 1, then scale and shift each feature.

    Args:
      x: ``[..., features]``, floating.
      scale, shift: ``[features]``, of x's dtype; None for 1 and 0.
      eps: added to the variance, which is the biased one; above 0.

    Returns:
      The shape and dtype of x. A row of equal entries becomes the shift.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype.
      ValueError: the shapes do not fit, or eps is not above 0.

    Example:
      >>> print(rules.layer_norm(jnp.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])).round(2))
      [[-1.22  0.    1.22]
       [ 0.    0.    0.  ]]
    """
    return layer_norm_fwd(x, scale, shift, eps)[0]


def layer_norm_fwd(x, scale, shift, eps):
    shapes("layer_norm", x=(x, "... features"), scale=(scale, "features | None"), shift=(shift, "features | None"))
    require_number("layer_norm", "eps", eps, "above 0", lambda v: v > 0)
    z, statistics = standardize(x, (-1,), eps)
    return scale_shift(z, scale, shift).astype(x.dtype), (x, scale, shift, statistics)


def layer_norm_bwd(eps, residuals, y_bar):
    del eps
    x, scale, shift, statistics = residuals
    z = standardized(x, *statistics)
    z_bar, scale_bar, shift_bar = scale_shift_bwd(z, scale, shift, y_bar)
    x_bar = standardize_bwd(x, z, statistics, z_bar, (-1,))
    return cotangent(x_bar, x), scale_bar, shift_bar


layer_norm.defvjp(layer_norm_fwd, layer_norm_bwd)


def layer_norm_reference(x, scale=None, shift=None, eps=1e-5):
    """By the differences of all pairs: their mean is x less its mean, and half their mean square is the variance."""
    difference = x[..., :, None] - x[..., None, :]
    variance = jnp.mean(difference**2, axis=(-2, -1))[..., None] / 2
    y = jnp.mean(difference, axis=-1) / jnp.sqrt(variance + eps)
    y = y if scale is None else jnp.einsum("...n,n->...n", y, scale)
    return y if shift is None else y + jnp.broadcast_to(shift, y.shape)
