r"""The triplet loss: an anchor must be nearer to its positive than to its negative, by a margin.

Forward
    u = a - p + eps                        a, p, n, u, v [..., features]
    v = a - n + eps                        with swap p - n + eps, where that is shorter
    h = |u| - |v| + margin                 |u|, |v|, h, l [...]
    l = max(0, h)

Backward, with [·] 1 where true, else 0
    p_bar = -l_bar [h > 0] u / |u|
    n_bar = l_bar [h > 0] v / |v|
    a_bar = -p_bar - n_bar
    With v = p - n + eps it is p_bar, not a_bar, that has the part -n_bar.

Derivation
    dl = [h > 0] dh and dh = d|u| - d|v|.
    |u|² = ⟨u, u⟩, so d|u| = ⟨u / |u|, du⟩: u_bar = l_bar [h > 0] u / |u|, and v_bar likewise, with the sign turned.
    du = da - dp and dv = da - dn: a_bar = u_bar + v_bar, p_bar = -u_bar, n_bar = -v_bar. Where dv = dp - dn, a_bar = u_bar
    and p_bar = v_bar - u_bar.

Residuals
    The three arguments, which the caller holds.

Edges
    A margin that is met exactly counts as met: no slope. The slope of |u| at u = 0 is 0. eps, added to each difference as
    in torch, keeps u from 0 where two points are equal: there u / |u| is the direction of (1, …, 1).
    A negative at infinity is far enough: loss 0, no slope. With swap, of two equal distances the anchor's counts.
    No square overflows or underflows (`_common/_length`): the loss is right wherever the differences and their lengths are
    finite.

Accuracy
    triplet: value within 4 ulp, cotangents within 6; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻¹⁰⁰ to 2¹⁰⁰.

Source
    Schroff, Kalenichenko & Philbin, "FaceNet", 2015 (there with squared distances); Balntas et al., "Learning local feature
    descriptors with triplets and shallow convolutional neural networks", 2016, section 2.2 (swap).

What the rule gives beyond autodiff: time is the same, but nothing is kept that the caller does not hold, and no point
has a slope of NaN.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_bool, require_number, shapes
from .._common._cotangent import cotangent
from .._common._length import length, over
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(3, 4, 5))
def triplet(
    anchor: Array, positive: Array, negative: Array, margin: float = 1.0, eps: float = 1e-6, swap: bool = False
) -> Array:
    """Take the distance to the positive less that to the negative, plus a margin, or 0 if that is less; one number a row.

    Args:
      anchor: ``[..., features]``, floating.
      positive: of the same shape and dtype: what should be near the anchor.
      negative: of the same shape and dtype: what should be far from it.
      margin: how much further the negative must be.
      eps: added to each difference, as torch's ``triplet_margin_loss`` does.
      swap: whether the negative's distance is that to the positive, where that is less than to the anchor.

    Returns:
      ``[...]``, each row's loss.

    Raises:
      TypeError, ValueError: dtypes or shapes differ, an option is not a number, or swap not a bool.
    """
    return triplet_fwd(anchor, positive, negative, margin, eps, swap)[0]


def triplet_fwd(anchor, positive, negative, margin, eps, swap):
    rows = "... features"
    shapes("triplet", anchor=(anchor, rows), positive=(positive, rows), negative=(negative, rows))
    require_number("triplet", "margin", margin)
    require_number("triplet", "eps", eps)
    require_bool("triplet", swap=swap)
    a, p, n = map(widen, (anchor, positive, negative))
    _, far, _ = _to_negative(a, p, n, eps, swap)
    loss = jnp.maximum(length(a - p + eps, -1) - far + margin, 0)
    return jnp.squeeze(loss, -1).astype(anchor.dtype), (anchor, positive, negative)


def triplet_bwd(margin, eps, swap, residuals, l_bar):
    anchor, positive, negative = residuals
    a, p, n = map(widen, residuals)
    u, (v, far, swapped) = a - p + eps, _to_negative(a, p, n, eps, swap)
    near = length(u, -1)
    short, h_bar = near - far + margin > 0, widen(l_bar)[..., None]
    u_bar = h_bar * jnp.where(short, over(u, near), 0)
    v_bar = -h_bar * jnp.where(short, over(v, far), 0)
    a_bar, p_bar = u_bar + jnp.where(swapped, 0, v_bar), jnp.where(swapped, v_bar, 0) - u_bar
    return cotangent(a_bar, anchor), cotangent(p_bar, positive), cotangent(-v_bar, negative)


triplet.defvjp(triplet_fwd, triplet_bwd)


def triplet_reference(anchor, positive, negative, margin=1.0, eps=1e-6, swap=False):
    """As the larger of |u| + margin and |v|, less |v|; with swap as the larger of two such losses."""
    near, far = (jnp.linalg.norm(anchor - other + eps, axis=-1) for other in (positive, negative))
    loss = jnp.maximum(near + margin, far) - far
    if swap:
        far = jnp.linalg.norm(positive - negative + eps, axis=-1)
        loss = jnp.maximum(loss, jnp.maximum(near + margin, far) - far)
    return loss


def _to_negative(a, p, n, eps, swap):
    """v, |v|, and where v starts from the positive."""
    v = a - n + eps
    far = length(v, -1)
    if not swap:
        return v, far, False
    w = p - n + eps
    other = length(w, -1)
    swapped = other < far
    return jnp.where(swapped, w, v), jnp.where(swapped, other, far), swapped
