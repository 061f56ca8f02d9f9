r"""Root-mean-square normalisation: each row by its own root mean square, over the last axis.

Forward, m(·) the mean over the last axis
    z = r x,   r = (m(x²) + eps)^(-1/2)
    y = scale z                          x, z, y [..., n]   r [..., 1]   scale [n], or None for 1

Backward
    scale_bar = Σ_rows y_bar z      z_bar = scale y_bar
    x_bar     = r (z_bar - z m(z z_bar))

Derivation
    dr = -r³ m(x dx) = -r² m(z dx), so dz = r dx + x dr = r (dx - z m(z dx)).
    ⟨z_bar, dz⟩ = r (⟨z_bar, dx⟩ - ⟨z_bar, z⟩ m(z dx)) = ⟨r (z_bar - z m(z z_bar)), dx⟩.

Residuals
    x and scale, which the caller holds anyway, and r: one number a row, float32 or wider. z is rebuilt: one product is
    cheaper than reading an array of x's size from memory.

Edges
    A row of zeros gives y = 0 and x_bar = z_bar / √eps, or 0 where x's dtype cannot hold 1 / √eps. NaN makes its row
    NaN; inf makes only itself NaN, and its row's x_bar. A row too large for its square, with entries above 1e18 in
    float32, gives z = 0: to divide it by its largest entry first would be one more pass over every x. n = 0 gives empty
    arrays. Half precision is accumulated in float32 and rounded once.

Source
    Zhang & Sennrich, "Root mean square layer normalization", 2019, eq. 4.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._common._checks import require_number, shapes
from .._common._cotangent import cotangent
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
    x, scale, r = residuals
    z = r * widen(x)
    z_bar, scale_bar, _ = scale_shift_bwd(z, scale, None, y_bar)
    y = scale_shift(z, scale, None)  # y y_bar is z z_bar
    factor = representable(r, x)
    x_bar = factor * z_bar - z * (factor * jnp.mean(y * widen(y_bar), axis=-1, keepdims=True))
    return cotangent(x_bar, x), scale_bar


rms_norm.defvjp(rms_norm_fwd, rms_norm_bwd)


def rms_norm_reference(x, scale=None, eps=1e-6):
    """By einsum, the row divided by a square root."""
    norm = jnp.sqrt(jnp.einsum("...n,...n->...", x, x) / max(x.shape[-1], 1) + eps)
    scale = jnp.ones(x.shape[-1:], x.dtype) if scale is None else scale
    return jnp.einsum("...n,n,...->...n", x, scale, 1 / norm)
