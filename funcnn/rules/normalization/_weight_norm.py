r"""Weight normalisation: a weight as a length times a direction, for each output feature.

Forward, ‖·‖ and ⟨·,·⟩ over all axes but the last
    w = g v / ‖v‖                        v, w [..., out]   g [out]

Backward, with the direction d = v / ‖v‖
    g_bar = ⟨d, w_bar⟩
    v_bar = g (w_bar - d ⟨d, w_bar⟩) / ‖v‖

Derivation
    w = g d, so dw = d dg + g dd, and ⟨w_bar, d dg⟩ = ⟨d, w_bar⟩ dg.
    d‖v‖ = ⟨d, dv⟩, so dd = (dv - d ⟨d, dv⟩) / ‖v‖, a projection divided by a number. It is its own transpose:
    ⟨w_bar, g dd⟩ = ⟨g (w_bar - d ⟨d, w_bar⟩) / ‖v‖, dv⟩.

Residuals
    v and g, which the caller holds anyway, and 1 / ‖v‖: one float32 for each of out. d is rebuilt.

Edges
    v = 0 has no direction: w = 0, with cotangents 0. Where 1 / ‖v‖ is beyond the range of v's dtype, v_bar is 0. No
    square overflows or underflows: only a length above 8e37 in float32 counts as infinite, one below 1e-38 as 0.

Accuracy
    weight_norm: value within 5 ulp, cotangents within 8; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻¹⁰⁰ to 2¹⁰⁰.

Source
    Salimans & Kingma, "Weight normalization", 2016, eqs. 2 and 3.
"""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import shapes
from .._common._cotangent import cotangent, per_feature
from .._common._length import inverse_length, length
from .._common._precision import as_row, representable, widen


@jax.custom_vjp
def weight_norm(v: Array, g: Array) -> Array:
    """A weight as one length and one direction for each output feature: ``g v / ‖v‖``.

    Args:
      v: ``[..., out]``, the directions, floating.
      g: ``[out]``, the lengths, of v's dtype.

    Returns:
      The weight, of v's shape and dtype; 0 where v is.

    Raises:
      TypeError: an argument is not floating, or not of v's dtype.
      ValueError: the shapes do not fit.
    """
    return weight_norm_fwd(v, g)[0]


def weight_norm_fwd(v, g):
    shapes("weight_norm", v=(v, "... out"), g=(g, "out"))
    r = inverse_length(v, _all_but_out(v))
    return (as_row(widen(g), v) * (r * widen(v))).astype(v.dtype), (v, g, r)


def weight_norm_bwd(residuals, w_bar):
    v, g, r = residuals
    d, w_bar = r * widen(v), widen(w_bar)
    along = jnp.sum(d * w_bar, _all_but_out(v), keepdims=True)
    v_bar = representable(r, v) * (w_bar - d * along) * as_row(widen(g), v)
    return cotangent(v_bar, v), per_feature(along, g)


weight_norm.defvjp(weight_norm_fwd, weight_norm_bwd)


def weight_norm_reference(v, g):
    """By the diagonal of the Gram matrix."""
    rows = v.reshape(v.size // max(v.shape[-1], 1), v.shape[-1])
    return (rows * (g / jnp.sqrt(jnp.diag(rows.T @ rows)))[None]).reshape(v.shape)


def feature_norms(w: Array) -> Array:
    """The length of each output feature of a weight: the g with which `weight_norm` gives back w.

    Args:
      w: ``[..., out]``, floating.

    Returns:
      ``[out]``, of w's dtype.

    Raises:
      TypeError: w is not floating.
      ValueError: w has no axes.

    Example:
      >>> rules.feature_norms(jnp.array([[3.0, 1.0], [4.0, 0.0]])).tolist()
      [5.0, 1.0]
    """
    shapes("feature_norms", w=(w, "... out"))
    return jnp.squeeze(length(w, _all_but_out(w)), _all_but_out(w)).astype(w.dtype)


def _all_but_out(w):
    return tuple(range(w.ndim - 1))
