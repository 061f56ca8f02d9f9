r"""Normalisation of each row, over the last axis: by mean and variance, or by the root mean square alone.

Forward, m(·) the mean over the last axis
    layer_norm   r = (m((x - m(x))²) + eps)^(-1/2)    z = r (x - m(x))    y = scale z + shift
    rms_norm     r = (m(x²) + eps)^(-1/2)             z = r x             y = scale z
                 x, z, y [..., n]   r [..., 1]        scale, shift [n], or none

Backward
    scale_bar = Σ_rows y_bar z      shift_bar = Σ_rows y_bar      z_bar = scale y_bar
    layer_norm   x_bar = r (z_bar - m(z_bar) - z m(z z_bar))
    rms_norm     x_bar = r (z_bar - z m(z z_bar))

Derivation
    layer_norm is in `_moments`. rms_norm: dr = -r³ m(x dx) = -r² m(z dx), so dz = r dx + x dr = r (dx - z m(z dx)).
    ⟨z_bar, dz⟩ = r (⟨z_bar, dx⟩ - ⟨z_bar, z⟩ m(z dx)) = ⟨r (z_bar - z m(z z_bar)), dx⟩.

Residuals
    The arguments, which the caller holds anyway (of shift only the shape is read), and one float32 a row: r; for
    layer_norm a second, m(x). z is rebuilt: cheaper than reading an array of x's size from memory.

Edges
    layer_norm: a row of equal entries gives y = shift exactly and x_bar = (z_bar - m(z_bar)) / √eps; a row that holds inf
    or NaN is NaN. rms_norm: a row of zeros gives y = 0 and x_bar = z_bar / √eps; NaN makes its row NaN, inf only itself,
    and its row's x_bar. A row too large for its square gives z = 0. n = 0 gives empty arrays. Half precision is
    accumulated in float32 and rounded once.

Source
    Ba, Kiros & Hinton, "Layer normalization", 2016, eq. 4; Zhang & Sennrich, "Root mean square layer normalization",
    2019, eq. 4.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._cotangent import cotangent
from ._moments import require_normalizable, scale_shift, scale_shift_bwd, standardize, standardize_bwd, standardized


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
    require_normalizable("layer_norm", x, "[..., features]", 1, eps, scale=scale, shift=shift)
    z, statistics = standardize(x, (-1,), eps)
    return scale_shift(z, scale, shift).astype(x.dtype), (x, scale, shift, statistics)


def layer_norm_bwd(eps, residuals, y_bar):
    del eps
    x, scale, shift, (mean, r) = residuals
    z = standardized(x, mean, r)
    z_bar, scale_bar, shift_bar = scale_shift_bwd(z, scale, shift, y_bar)
    x_bar = standardize_bwd(z, r, z_bar, (-1,))
    return cotangent(x_bar, x), scale_bar, shift_bar


layer_norm.defvjp(layer_norm_fwd, layer_norm_bwd)


def layer_norm_reference(x, scale=None, shift=None, eps=1e-5):
    """By the differences of all pairs: their mean is x less its mean, and half their mean square is the variance."""
    difference = x[..., :, None] - x[..., None, :]
    variance = jnp.mean(difference**2, axis=(-2, -1))[..., None] / 2
    y = jnp.mean(difference, axis=-1) / jnp.sqrt(variance + eps)
    y = y if scale is None else jnp.einsum("...n,n->...n", y, scale)
    return y if shift is None else y + jnp.broadcast_to(shift, y.shape)
