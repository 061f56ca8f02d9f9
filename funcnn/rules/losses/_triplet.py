"""triplet: the mathematics stands in `losses/_hinge`."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_number, require_pair, require_shape
from .._common._cotangent import cotangent
from .._common._length import length, over
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def triplet(anchor: Array, positive: Array, negative: Array, margin: float = 1.0, eps: float = 1e-6) -> Array:
    """How much further from the anchor the negative should be than the positive, one number a row.

    Args:
      anchor: ``[..., features]``, floating.
      positive: of the same shape and dtype: what should be near the anchor.
      negative: of the same shape and dtype: what should be far from it.
      margin: the lead that is asked for.
      eps: added to each difference, as torch's ``triplet_margin_loss`` does.

    Returns:
      ``[...]``, each row's loss.

    Raises:
      TypeError, ValueError: dtypes or shapes differ.
    """
    return triplet_fwd(anchor, positive, negative, margin, eps)[0]


def triplet_fwd(anchor, positive, negative, margin, eps):
    require_pair("triplet", anchor=anchor, positive=positive, negative=negative)
    require_shape("triplet", "anchor", anchor, "[..., features]", anchor.ndim >= 1)
    require_number("triplet", "margin", margin)
    require_number("triplet", "eps", eps)
    a, p, n = map(widen, (anchor, positive, negative))
    loss = jnp.maximum(length(a - p + eps, -1) - length(a - n + eps, -1) + margin, 0)
    return jnp.squeeze(loss, -1).astype(anchor.dtype), (anchor, positive, negative)


def triplet_bwd(margin, eps, residuals, l_bar):
    anchor, positive, negative = residuals
    a, p, n = map(widen, residuals)
    u, v = a - p + eps, a - n + eps
    near, far = length(u, -1), length(v, -1)
    h_bar = jnp.where(near - far + margin > 0, widen(l_bar)[..., None], 0)
    u_bar, v_bar = h_bar * over(u, near), -h_bar * over(v, far)
    return cotangent(u_bar + v_bar, anchor), cotangent(-u_bar, positive), cotangent(-v_bar, negative)


triplet.defvjp(triplet_fwd, triplet_bwd)


def triplet_reference(anchor, positive, negative, margin=1.0, eps=1e-6):
    near, far = (jnp.linalg.norm(anchor - other + eps, axis=-1) for other in (positive, negative))
    return jnp.maximum(near + margin, far) - far
