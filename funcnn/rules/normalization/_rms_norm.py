r"""Root-mean-square normalisation: each row by its own root mean square, over the last axis.

Forward, m(·) the mean over the last axis
    z = r x,   r = (m(x²) + eps)^(-1/2)
    y = scale z                          x, z, y [..., n]   r [..., 1]   scale [n], or None for 1
    fused_add_rms_norm is (y, s) for x = s = a + residual, of the arguments a and residual.

Backward
    scale_bar = Σ_rows y_bar z      z_bar = scale y_bar
    x_bar     = r (z_bar - z m(z z_bar))
    For the pair (y, s) the sum's cotangent is s_bar + x_bar, and both of its terms have it.

Derivation
    dr = -r³ m(x dx) = -r² m(z dx), so dz = r dx + x dr = r (dx - z m(z dx)).
    ⟨z_bar, dz⟩ = r (⟨z_bar, dx⟩ - ⟨z_bar, z⟩ m(z dx)) = ⟨r (z_bar - z m(z z_bar)), dx⟩.

Residuals
    x and scale, which the caller holds anyway, and r: one number a row, float32 or wider. z is rebuilt: one product is
    cheaper than reading an array of x's size from memory. The pair keeps s, its own second result, in place of x.

Edges
    A row of zeros gives y = 0 and x_bar = z_bar / √eps, or 0 where x's dtype cannot hold 1 / √eps. NaN makes its row
    NaN; inf makes only itself NaN, and its row's x_bar. A row too large for its square, with entries above 1e18 in
    float32, gives z = 0: to divide it by its largest entry first would be one more pass over every x. n = 0 gives empty
    arrays. Half precision is accumulated in float32 and rounded once; s is rounded before it is normalised, so that y is
    the norm of the s that is returned.

Accuracy
    rms_norm: value within 4 ulp, cotangents within 6; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻⁵⁹ to 2⁵⁹.

Source
    Zhang & Sennrich, "Root mean square layer normalization", 2019, eq. 4. Hsu et al., "Liger kernel", 2024, section 3.2,
    fuses the sum of a residual stream with its norm.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._common._checks import require_number, shapes
from .._common._cotangent import copied_as, cotangent, token
from .._common._precision import representable, widen
from ._moments import scale_shift, scale_shift_bwd


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def rms_norm(x: Array, scale: Array | None = None, eps: float = 1e-6) -> Array:
    """Divide each row by its root mean square, then scale each feature.

    Args:
      x: ``[..., features]``, floating.
      scale: ``[features]``, of x's dtype; None for 1.
      eps: added to the mean square; above 0.

    Returns:
      The shape and dtype of x. A row of zeros stays one.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype.
      ValueError: the shapes do not fit, or eps is not above 0.
    """
    return rms_norm_fwd(x, scale, eps)[0]


def rms_norm_fwd(x, scale, eps):
    shapes("rms_norm", x=(x, "... features"), scale=(scale, "features | None"))
    require_number("rms_norm", "eps", eps, "above 0", lambda v: v > 0)
    x32 = widen(x)
    r = lax.rsqrt(jnp.mean(x32 * x32, axis=-1, keepdims=True) + eps)
    return scale_shift(r * x32, scale, None).astype(x.dtype), (x, scale, r)


def rms_norm_bwd(eps, residuals, y_bar):
    del eps
    x = residuals[0]
    x_bar, scale_bar = _bars(residuals, y_bar)
    return cotangent(x_bar, x), scale_bar


rms_norm.defvjp(rms_norm_fwd, rms_norm_bwd)


def rms_norm_reference(x, scale=None, eps=1e-6):
    """By einsum, the row divided by a square root."""
    norm = jnp.sqrt(jnp.einsum("...n,...n->...", x, x) / max(x.shape[-1], 1) + eps)
    scale = jnp.ones(x.shape[-1:], x.dtype) if scale is None else scale
    return jnp.einsum("...n,n,...->...n", x, scale, 1 / norm)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def fused_add_rms_norm(x: Array, residual: Array, scale: Array | None = None, eps: float = 1e-6) -> tuple[Array, Array]:
    """Add x to a residual stream and normalise the sum, in one pass: what begins each half of a pre-norm block.

    Args:
      x: ``[..., features]``, floating.
      residual: of x's shape and dtype.
      scale: ``[features]``, of x's dtype; None for 1.
      eps: added to the mean square; above 0.

    Returns:
      The normalised sum and the sum, both of x's shape and dtype.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype.
      ValueError: the shapes do not fit, or eps is not above 0.
    """
    return fused_add_rms_norm_fwd(x, residual, scale, eps)[0]


def fused_add_rms_norm_fwd(x, residual, scale, eps):
    rows = "... features"
    shapes("fused_add_rms_norm", x=(x, rows), residual=(residual, rows), scale=(scale, "features | None"))
    require_number("fused_add_rms_norm", "eps", eps, "above 0", lambda v: v > 0)
    s = x + residual
    y, (_, _, r) = rms_norm_fwd(s, scale, eps)
    return (y, copied_as(y, s)), (s, scale, r, token(x), token(residual))


def fused_add_rms_norm_bwd(eps, residuals, bars):
    del eps
    *of_norm, x, residual = residuals
    y_bar, s_bar = bars
    sum_bar, scale_bar = _bars(of_norm, y_bar)
    sum_bar = sum_bar + widen(s_bar)
    return cotangent(sum_bar, x), cotangent(sum_bar, residual), scale_bar


fused_add_rms_norm.defvjp(fused_add_rms_norm_fwd, fused_add_rms_norm_bwd)


def fused_add_rms_norm_reference(x, residual, scale=None, eps=1e-6):
    """The norm's reference, of the sum."""
    return rms_norm_reference(x + residual, scale, eps), x + residual


def _bars(residuals, y_bar):
    """The cotangents of x, not rounded yet, and of scale."""
    x, scale, r = residuals
    z = r * widen(x)
    z_bar, scale_bar, _ = scale_shift_bwd(z, scale, None, y_bar)
    y = scale_shift(z, scale, None)  # y y_bar is z z_bar
    factor = representable(r, x)
    return factor * z_bar - z * (factor * jnp.mean(y * widen(y_bar), axis=-1, keepdims=True)), scale_bar
