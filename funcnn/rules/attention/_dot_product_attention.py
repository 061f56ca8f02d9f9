r"""Scaled dot-product attention, tile by tile: each query's average of the values, weighted by a softmax over the keys.

Forward, of query i and keys j, each head by itself
    s_ij = cap(scale q_i·k_j + bias_ij - alibi |i + offset - j|)     cap(s) = c tanh(s / c), or s
    lse_i = log(Σ_j e^(s_ij) + e^sink)                               over the keys j that i sees
    p_ij = e^(s_ij - lse_i)                                          0 for the others
    y_i = Σ_j m_ij p_ij v_j                                          m 1, or by dropout 0 or 1 / (1 - rate)
    query [batch, T, heads, features]   key [batch, S, kv_heads, features]   value [batch, S, kv_heads, width]
    y [batch, T, heads, width]   lse [batch, T, heads]
    Blocks of keys come one after the other. With t the largest logit so far, Σ e^(s - t) and Σ e^(s - t) v are kept,
    and shrunk by e^(t - t') where a block brings a larger t'.

Backward, with δ_i = y_bar_i·y_i - lse_bar_i, and p_ij computed again from lse_i
    s_bar_ij = p_ij (m_ij y_bar_i·v_j - δ_i)        r_ij = s_bar_ij (1 - (s_ij / c)²), or s_bar_ij
    q_bar_i = scale Σ_j r_ij k_j                    bias_bar = r
    k_bar_j = scale Σ_i r_ij q_i                    alibi_bar = -Σ_ij r_ij |i + offset - j|
    v_bar_j = Σ_i m_ij p_ij y_bar_i                 sink_bar = -Σ_i e^(sink - lse_i) δ_i

Derivation
    d lse_i = Σ_j p_ij ds_ij and dp_ij = p_ij (ds_ij - d lse_i), so that
    ⟨y_bar_i, dy_i⟩ + lse_bar_i d lse_i = Σ_j m_ij p_ij y_bar_i·dv_j + Σ_j p_ij (m_ij y_bar_i·v_j) ds_ij
        - (y_bar_i·y_i - lse_bar_i) Σ_j p_ij ds_ij,
    and the factor of ds_ij is s_bar_ij. A sink is a logit without a value. r = cap'(·) s_bar, cap' = 1 - (s / c)².

Residuals
    The arguments, which the caller holds anyway, y, and lse, a number a row, float32 or wider. Scores are computed again,
    a tile at a time: they would be T × S for each head.

Edges
    A query that may attend to nothing has y = 0, lse = -inf (or its sink) and no cotangents; so have all queries where
    S = 0. Where logits are so large that lse rounds them, above 1e6 in float32, p in the backward pass is off by that
    rounding, and at most 1. A logit of -inf, by bias, hides its key; one of inf or NaN makes its row NaN. A window may be
    longer than the sequence. A length below 0 counts as 0, one beyond its axis as the whole. Half precision is accumulated
    in float32 and rounded once, but δ is of the y that was rounded.

Accuracy
    dot_product_attention: value within 3 ulp, cotangents within 4; in half precision 0.51 and 0.7;
        at random and adversarial points of sizes 2⁻²⁰ to 2²⁰.

Source
    Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018, algorithm 3; Dao, "FlashAttention-2", 2023,
    algorithms 1 and 2; Gemma Team, "Gemma 2", 2024, section 2 (cap); Press et al., "Train short, test long", 2022
    (alibi); Xiao et al., "Efficient streaming language models with attention sinks", 2024, eq. 2, of value 0 (sinks).

What the rule gives beyond autodiff: memory that is linear in the length, on every backend, and of a window time too.
"""

from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._common._cotangent import copied_as
from .._common._precision import widen
from ._arguments import Call, arrays, by_cudnn, chosen
from ._carry import Bars, added, as_given, before_any_key, below, level, no_bars, pairs, pairs_by_keys, rows
from ._formula import by_formula
from ._logits import kept, lay_out, logits, logits_bwd, seen, tile
from ._tiles import from_heads, over_columns, over_features, over_rows, put, take


@partial(jax.custom_vjp, nondiff_argnums=(12,))
def _dot_product_attention(
    query, key, value, bias, mask, query_lengths, key_lengths, offset, segments, sinks, alibi, dropout_key, options
):  # fmt: skip
    call = query, key, value, bias, mask, query_lengths, key_lengths, offset, segments, sinks, alibi, dropout_key
    return dot_product_attention_fwd(*call, options)[0]


def dot_product_attention_fwd(*given):
    *arrays, options = given
    call = Call(*arrays)
    parts, block, queries = lay_out(call, options), options.block, call.query.shape[1]

    def step(carry, at):
        part, row = tile(parts, at, options), at[:1]
        y, top, total = (take(a, row, block) for a in carry)
        s = jnp.where(seen(part), logits(part, options), -jnp.inf)
        highest = jnp.maximum(top, jnp.max(s, -1, keepdims=True, initial=-jnp.inf))
        highest = lax.stop_gradient(highest)  # neither y nor lse depends on it
        shrunk, p = (jnp.exp(below(a, level(highest))) for a in (top, s))
        total = shrunk * total + jnp.sum(p, -1, keepdims=True)
        y = shrunk * y + over_columns(kept(part, p, options) * p, part.value)
        return tuple(put(a, new, row, block) for a, new in zip(carry, (y, highest, total), strict=True)), None

    (y, top, total), _ = lax.scan(step, before_any_key(call, parts), pairs(call, options))
    nothing, total = total == 0, jnp.where(total == 0, 1, total)
    y = from_heads(y / total, queries).astype(call.query.dtype)
    lse = from_heads(jnp.where(nothing, -jnp.inf, top + jnp.log(total)), queries)[..., 0]
    lse = copied_as(jnp.sum(widen(y), -1), lse)
    return (y, lse.astype(y.dtype)), (call, y, lse)


def dot_product_attention_bwd(options, residuals, bars):
    call, y, lse = residuals
    y_bar, lse_bar = map(widen, bars)
    lse, delta = level(lse), jnp.sum(y_bar * widen(y), -1) - lse_bar
    parts, block = lay_out(call, options), options.block
    of_rows = rows(call, bars[0], lse, delta, options)

    def step(carry, at):
        part = tile(parts, at, options)
        y_bar, lse, delta = (widen(take(a, at[:1], block)) for a in of_rows)
        s = logits(part, options)
        p = jnp.exp(below(jnp.where(seen(part), s, -jnp.inf), lse))
        stays = kept(part, p, options)
        s_bar = p * (stays * over_features(y_bar, part.value) - delta)
        q_bar, k_bar, bias_bar, alibi_bar = logits_bwd(part, s, s_bar, options)
        return added(carry, Bars(q_bar, k_bar, over_rows(y_bar, stays * p), bias_bar, alibi_bar), at, options), None

    found, _ = lax.scan(step, no_bars(parts, of_rows), pairs_by_keys(call, options))
    sinks_bar = None if call.sinks is None else -jnp.sum(jnp.exp(widen(call.sinks)[None, None] - lse) * delta, (0, 1))
    return as_given(call, found, sinks_bar)


_dot_product_attention.defvjp(dot_product_attention_fwd, dot_product_attention_bwd)


def dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    *,
    scale: float | None = None,
    is_causal: bool = False,
    query_seq_lengths: Array | None = None,
    key_value_seq_lengths: Array | None = None,
    local_window_size: int | tuple[int, int] | None = None,
    implementation: Literal["xla", "cudnn"] | None = None,
    return_residual: bool = False,
    softcap: float | None = None,
    q_offset: int | Array = 0,
    segment_ids: Array | tuple[Array, Array] | None = None,
    sinks: Array | None = None,
    alibi: Array | None = None,
    dropout_rate: float = 0.0,
    dropout_key: Array | None = None,
) -> Any:
    """Average the values for each query, weighted by the softmax of its products with the keys.

    It is `jax.nn.dot_product_attention`, with more options, and with 0 where a query may attend to nothing.

    Args:
      query: ``[batch, queries, heads, features]``, or without the batch axis; floating.
      key: ``[batch, keys, kv_heads, features]``, of query's dtype; ``heads`` is a multiple of ``kv_heads``.
      value: ``[batch, keys, kv_heads, width]``, of query's dtype.
      bias: what is added to the scores, broadcast to ``[batch, heads, queries, keys]``; floating.
      mask: True where a query may attend to a key; broadcast as bias is.
      scale: what the products are multiplied by; None for ``1 / sqrt(features)``.
      is_causal: whether query i sees keys up to ``i + q_offset`` only.
      query_seq_lengths: ``[batch]``, integers: queries from there on give 0.
      key_value_seq_lengths: ``[batch]``, integers: keys from there on are not seen.
      local_window_size: how many keys before and after ``i + q_offset`` query i sees; one number says both.
      implementation: None or "xla" for this rule; "cudnn" hands over to `jax.nn.dot_product_attention`.
      return_residual: whether to return the log-sum-exp of each query's scores as well.
      softcap: c, above 0, for scores of ``c tanh(score / c)``; None for scores as they are.
      q_offset: the place of query 0 among the keys, an int or ``[batch]``.
      segment_ids: integers ``[batch, queries]``, or a pair of these and ``[batch, keys]``: a query sees its own segment.
      sinks: ``[heads]``, floating: the score of one more key for each head, whose value is 0.
      alibi: ``[heads]``, floating: what each step of distance from ``i + q_offset`` takes off a score.
      dropout_rate: the fraction of the probabilities that is set to 0, from 0 to below 1; the rest are scaled up.
      dropout_key: a key of `jax.random`, needed where the rate is not 0.

    Returns:
      ``[batch, queries, heads, width]``, of query's dtype. With ``return_residual`` a pair of this and the log-sum-exps
      ``[batch, queries, heads]``, sinks included, -inf where a query sees nothing. Both are differentiable.

    Raises:
      TypeError, ValueError: the dtypes, shapes or options are not these.

    Example:
      >>> q, kv = jnp.ones((2, 5, 4, 8)), jnp.ones((2, 5, 2, 8))
      >>> dot_product_attention(q, kv, kv, is_causal=True, local_window_size=(2, 0)).shape
      (2, 5, 4, 8)
    """
    call = arrays(
        *(query, key, value, bias, mask, query_seq_lengths, key_value_seq_lengths),
        *(q_offset, segment_ids, sinks, alibi, dropout_key),
    )
    options = chosen(
        call, scale, is_causal, local_window_size, implementation, return_residual, softcap, q_offset, dropout_rate
    )
    found = by_cudnn(call, options) if implementation == "cudnn" else _dot_product_attention(*call, options)
    y, lse = found if query.ndim == 4 else (a[0] for a in found)
    return (y, lse) if return_residual else y


def dot_product_attention_reference(query, key, value, bias=None, mask=None, **options):
    """By einsum, over all queries and keys at once, with each mask written out."""
    return by_formula(query, key, value, bias, mask, **options)
