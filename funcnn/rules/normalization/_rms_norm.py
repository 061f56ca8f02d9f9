"""rms_norm: the mathematics stands in `normalization/_layer_norm`."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._common._cotangent import cotangent
from .._common._precision import widen
from ._moments import require_normalizable, scale_shift, scale_shift_bwd


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def rms_norm(x: Array, scale: Array | None = None, eps: float = 1e-6) -> Array:
    """Divide each row by its root mean square, then scale each feature.

    Args:
      x: ``[..., features]``, floating.
      scale: ``[features]``, of x's dtype; None for 1.
      eps: added to the mean square; above 0.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype.
      ValueError: the shapes do not fit, or eps is not above 0.
    """
    return rms_norm_fwd(x, scale, eps)[0]


def rms_norm_fwd(x, scale, eps):
    require_normalizable("rms_norm", x, "[..., features]", 1, eps, scale=scale)
    x32 = widen(x)
    r = lax.rsqrt(jnp.mean(x32 * x32, axis=-1, keepdims=True) + eps)
    return scale_shift(r * x32, scale, None).astype(x.dtype), (x, scale, r)


def rms_norm_bwd(eps, residuals, y_bar):
    del eps
    x, scale, r = residuals
    z = r * widen(x)
    z_bar, scale_bar, _ = scale_shift_bwd(z, scale, None, y_bar)
    y = scale_shift(z, scale, None)  # y y_bar is z z_bar
    x_bar = r * (z_bar - z * jnp.mean(y * widen(y_bar), axis=-1, keepdims=True))
    return cotangent(x_bar, x), scale_bar


rms_norm.defvjp(rms_norm_fwd, rms_norm_bwd)


def rms_norm_reference(x, scale=None, eps=1e-6):
    norm = jnp.sqrt(jnp.einsum("...n,...n->...", x, x) / max(x.shape[-1], 1) + eps)
    scale = jnp.ones(x.shape[-1:], x.dtype) if scale is None else scale
    return jnp.einsum("...n,n,...->...n", x, scale, 1 / norm)
