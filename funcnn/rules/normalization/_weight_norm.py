"""weight_norm, feature_norms: the mathematics stands in `normalization/_spectral_norm`."""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_same_dtype, require_shape
from .._common._cotangent import cotangent, per_feature
from .._common._length import inverse_length
from .._common._precision import as_row, widen


@jax.custom_vjp
def weight_norm(v: Array, g: Array) -> Array:
    """A weight as one length and one direction for each output feature: ``g v / ‖v‖``.

    Args:
      v: ``[..., out]``, the directions, floating.
      g: ``[out]``, the lengths, of v's dtype.

    Returns:
      The weight, of v's shape and dtype; 0 where v is.

    Raises:
      TypeError, ValueError: dtypes or shapes are not these.
    """
    return weight_norm_fwd(v, g)[0]


def weight_norm_fwd(v, g):
    require_floating("weight_norm", v=v, g=g)
    require_shape("weight_norm", "v", v, "[..., out]", v.ndim >= 1)
    require_shape("weight_norm", "g", g, f"{list(v.shape[-1:])} to follow v {list(v.shape)}", g.shape == v.shape[-1:])
    require_same_dtype("weight_norm", v=v, g=g)
    r = inverse_length(v, _all_but_out(v))
    return (as_row(widen(g), v) * (r * widen(v))).astype(v.dtype), (v, g, r)


def weight_norm_bwd(residuals, w_bar):
    v, g, r = residuals
    d, w_bar = r * widen(v), widen(w_bar)
    along = jnp.sum(d * w_bar, _all_but_out(v), keepdims=True)
    v_bar = as_row(widen(g), v) * r * (w_bar - d * along)
    return cotangent(v_bar, v), per_feature(along, g)


weight_norm.defvjp(weight_norm_fwd, weight_norm_bwd)


def weight_norm_reference(v, g):
    """By the diagonal of the Gram matrix."""
    rows = v.reshape(v.size // max(v.shape[-1], 1), v.shape[-1])
    return (rows * (g / jnp.sqrt(jnp.diag(rows.T @ rows)))[None]).reshape(v.shape)


def feature_norms(w: Array) -> Array:
    """The length of each output feature of a weight ``[..., out]``, ``[out]``: the g with which `weight_norm` gives w."""
    square = widen(w) * widen(w)
    return jnp.sqrt(jnp.sum(square, _all_but_out(w))).astype(w.dtype)


def _all_but_out(w):
    return tuple(range(w.ndim - 1))
