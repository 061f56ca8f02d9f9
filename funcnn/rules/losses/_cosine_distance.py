r"""The cosine distance: 1 less the cosine of the angle between two vectors.

Forward
    α = max(|a|, √eps), β = max(|b|, √eps)   a, b, â, b̂ [..., features]   |a|, |b|, α, β, c, l [...]
    â = a / α, b̂ = b / β
    c = ⟨â, b̂⟩
    l = 1 - c

Backward
    a_bar = -l_bar (b̂ - c â) / α             where |a| ≤ √eps: -l_bar b̂ / α
    b_bar = -l_bar (â - c b̂) / β             where |b| ≤ √eps: -l_bar â / β

Derivation
    Where |a| > √eps, α² = ⟨a, a⟩ gives dα = ⟨â, da⟩, so dâ = (da - â ⟨â, da⟩) / α, and
    ⟨b̂, dâ⟩ = ⟨b̂ - c â, da⟩ / α. Elsewhere α is constant, and dâ = da / α. dl = -⟨b̂, dâ⟩ - ⟨â, db̂⟩.

Residuals
    The two arguments, which the caller holds: the lengths are recomputed.

Edges
    A row of zeros is at distance 1 of everything, with a finite cotangent, -l_bar b̂ / √eps. Where 1 / α is beyond the range
    of the dtype, as there in float16, a_bar is 0 (`verify.check` says so of such an example). No square overflows
    (`_common/_length`): rows of any finite length have their true distance and cotangents. The distance of (a, a) and
    (a, 0) is 1 - 1/√2 for a = 1e200 too, or 1e30 in float32. An infinite entry makes NaN of its row.

Accuracy
    cosine_distance: value within 5 ulp, cotangents within 8; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻¹⁰⁰ to 2¹⁰⁰.

Source
    Salton & McGill, "Introduction to Modern Information Retrieval", 1983 (the cosine measure).
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_number, shapes
from .._common._cotangent import cotangent
from .._common._length import length, over
from .._common._precision import representable, widen


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def cosine_distance(prediction: Array, target: Array, eps: float = 1e-12) -> Array:
    """Take 1 less the cosine of the angle between two vectors, one number a row: 0 if parallel, 2 if opposite.

    Args:
      prediction: ``[..., features]``, floating.
      target: of the same shape and dtype.
      eps: above 0; a row's length counts as √eps where it is shorter.

    Returns:
      ``[...]``, each row's distance.

    Raises:
      TypeError, ValueError: dtypes or shapes differ, or eps is not above 0.
    """
    return cosine_distance_fwd(prediction, target, eps)[0]


def cosine_distance_fwd(prediction, target, eps):
    shapes("cosine_distance", prediction=(prediction, "... features"), target=(target, "... features"))
    require_number("cosine_distance", "eps", eps, "above 0", lambda v: v > 0)
    (a, _, _), (b, _, _) = _unit(prediction, eps), _unit(target, eps)
    return (1 - jnp.sum(a * b, axis=-1)).astype(prediction.dtype), (prediction, target)


def cosine_distance_bwd(eps, residuals, l_bar):
    prediction, target = residuals
    (a, a_length, a_free), (b, b_length, b_free) = _unit(prediction, eps), _unit(target, eps)
    cosine, l_bar = jnp.sum(a * b, axis=-1, keepdims=True), widen(l_bar)[..., None]
    a_bar = -l_bar * (b - jnp.where(a_free, cosine, 0) * a) * representable(1 / a_length, prediction)
    b_bar = -l_bar * (a - jnp.where(b_free, cosine, 0) * b) * representable(1 / b_length, target)
    return cotangent(a_bar, prediction), cotangent(b_bar, target)


cosine_distance.defvjp(cosine_distance_fwd, cosine_distance_bwd)


def cosine_distance_reference(prediction, target, eps=1e-12):
    """By one root, of the product of both squares."""
    a, b = (jnp.maximum(jnp.einsum("...n,...n->...", v, v), eps) for v in (prediction, target))
    return 1 - jnp.einsum("...n,...n->...", prediction, target) / jnp.sqrt(a * b)


def _unit(vector, eps):
    """â = a / α, α = max(|a|, √eps), and whether that is |a|."""
    size, smallest = length(vector, -1), math.sqrt(eps)
    free = size > smallest
    size = jnp.where(free, size, smallest)
    return over(vector, size), size, free
