r"""Losses of directions and neighbours: cosine distance, and InfoNCE, the cross-entropy of finding one's own key.

Forward
    cosine_distance   l = 1 - ⟨â, b̂⟩                                  a, b, â, b̂ [..., features]   l [...]
                      â = a / α, α = √max(⟨a, a⟩, eps); b̂, β likewise
    info_nce          l_i = lse_j s_ij - s_ii                          l [..., n]
                      s = q kᵀ / τ                                     q, k [..., n, features]   s [..., n, n]

Backward
    cosine_distance   a_bar = -l_bar (b̂ - ⟨â, b̂⟩ â) / α               -l_bar b̂ / α where ⟨a, a⟩ ≤ eps
                      b_bar = -l_bar (â - ⟨â, b̂⟩ b̂) / β               -l_bar â / β where ⟨b, b⟩ ≤ eps
    info_nce          s_bar = (softmax_j(s) - 1) l_bar, 1 the unit matrix
                      q_bar = s_bar k / τ                              k_bar = s_barᵀ q / τ

Derivation
    Where the root is at work dα = ⟨â, da⟩, so dâ = (da - â ⟨â, da⟩) / α and ⟨b̂, dâ⟩ = ⟨b̂ - ⟨â, b̂⟩ â, da⟩ / α; elsewhere α
    does not move. info_nce is a cross-entropy whose labels are the rows' own numbers, and ds = (dq kᵀ + q dkᵀ) / τ.

Residuals
    The arguments, which the caller holds: the n x n similarities are made again by one more product, and never kept. Nor
    is their lse, for a product made again may round differently, and large similarities would no longer fit it.

Edges
    A row of zeros is at distance 1 of everything, with a finite cotangent, -l_bar b̂ / √eps. No square overflows: rows of
    any finite length have their true distance and cotangents. info_nce of one row is 0, with cotangents 0.

Source
    van den Oord, Li & Vinyals, "Representation learning with contrastive predictive coding", 2018, eq. 4; Radford et al.,
    "Learning transferable visual models from natural language supervision", 2021, figure 3 (both ways, and averaged).
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_number, require_pair, require_shape
from .._common._cotangent import cotangent, placement
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def info_nce(query: Array, key: Array, temperature: float = 0.07) -> Array:
    """How hard it is for each query to tell its own key from those of the other rows, one number a query.

    Both are used as they are: normalise them before, for cosines. Both ways, as CLIP has it, are two calls, one with query
    and key exchanged; a learned temperature is a factor of the query, beside a temperature of 1.

    Args:
      query: ``[..., n, features]``, floating.
      key: of the same shape and dtype; row i is the key of query i, and a wrong one for all others.
      temperature: above 0; what the inner products are divided by.

    Returns:
      ``[..., n]``, each query's loss.

    Raises:
      TypeError, ValueError: dtypes or shapes differ, or the temperature is not above 0.
    """
    return info_nce_fwd(query, key, temperature)[0]


def info_nce_fwd(query, key, temperature):
    require_pair("info_nce", query=query, key=key)
    require_shape("info_nce", "query", query, "[..., n, features]", query.ndim >= 2)
    require_number("info_nce", "temperature", temperature, "above 0", temperature > 0)
    s, unit = _similarities(query, key, temperature)
    loss = jax.scipy.special.logsumexp(s, axis=-1) - jnp.sum(unit * s, axis=-1)
    return loss.astype(query.dtype), (query, key)


def info_nce_bwd(temperature, residuals, l_bar):
    query, key = residuals
    s, unit = _similarities(query, key, temperature)
    s_bar = widen(l_bar)[..., None] * (jax.nn.softmax(s, axis=-1) - unit) / temperature
    q_bar = jnp.einsum("...ij,...jd->...id", s_bar, widen(key), out_sharding=placement(query))
    k_bar = jnp.einsum("...ij,...id->...jd", s_bar, widen(query), out_sharding=placement(key))
    return cotangent(q_bar, query), cotangent(k_bar, key)


info_nce.defvjp(info_nce_fwd, info_nce_bwd)


def info_nce_reference(query, key, temperature=0.07):
    """One pair of rows at a time, each similarity less that of the query's own key."""
    query, key = query[..., :, None, :], key[..., None, :, :]
    others = jnp.sum(query * key, axis=-1) / temperature
    own = jnp.einsum("...ii->...i", others)[..., None]
    return jnp.log(jnp.sum(jnp.exp(others - own), axis=-1))


def _similarities(query, key, temperature):
    """[..., n, n], the inner products of queries with keys over the temperature, and the unit matrix."""
    wide = widen(query).dtype
    s = jnp.einsum(
        "...id,...jd->...ij", query, key, preferred_element_type=wide, out_sharding=placement(query)
    ) / temperature  # fmt: skip
    rows, columns = (jax.lax.broadcasted_iota(jnp.int32, s.shape, s.ndim - i) for i in (2, 1))
    return s, (rows == columns).astype(wide)
