"""cosine_distance: the mathematics stands in `losses/_info_nce`."""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_number, require_pair, require_shape
from .._common._cotangent import cotangent
from .._common._length import length, over
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def cosine_distance(prediction: Array, target: Array, eps: float = 1e-12) -> Array:
    """One less the cosine of the angle between two vectors, one number a row: 0 if parallel, 2 if opposite.

    Args:
      prediction: ``[..., features]``, floating.
      target: of the same shape and dtype.
      eps: above 0; the least square of a length that is divided by.

    Returns:
      ``[...]``, each row's distance.

    Raises:
      TypeError, ValueError: dtypes or shapes differ, or eps is not above 0.
    """
    return cosine_distance_fwd(prediction, target, eps)[0]


def cosine_distance_fwd(prediction, target, eps):
    require_pair("cosine_distance", prediction=prediction, target=target)
    require_shape("cosine_distance", "prediction", prediction, "[..., features]", prediction.ndim >= 1)
    require_number("cosine_distance", "eps", eps, "above 0", eps > 0)
    (a, _, _), (b, _, _) = _unit(prediction, eps), _unit(target, eps)
    return (1 - jnp.sum(a * b, axis=-1)).astype(prediction.dtype), (prediction, target)


def cosine_distance_bwd(eps, residuals, l_bar):
    prediction, target = residuals
    (a, a_length, a_free), (b, b_length, b_free) = _unit(prediction, eps), _unit(target, eps)
    cosine, l_bar = jnp.sum(a * b, axis=-1, keepdims=True), widen(l_bar)[..., None]
    a_bar = -l_bar * (b - jnp.where(a_free, cosine, 0) * a) / a_length
    b_bar = -l_bar * (a - jnp.where(b_free, cosine, 0) * b) / b_length
    return cotangent(a_bar, prediction), cotangent(b_bar, target)


cosine_distance.defvjp(cosine_distance_fwd, cosine_distance_bwd)


def cosine_distance_reference(prediction, target, eps=1e-12):
    a, b = (jnp.maximum(jnp.einsum("...n,...n->...", v, v), eps) for v in (prediction, target))
    return 1 - jnp.einsum("...n,...n->...", prediction, target) / jnp.sqrt(a * b)


def _unit(vector, eps):
    """â = a / α, α = max(|a|, √eps), and whether that is |a|."""
    size, smallest = length(vector, -1), math.sqrt(eps)
    free = size > smallest
    size = jnp.where(free, size, smallest)
    return over(vector, size), size, free
