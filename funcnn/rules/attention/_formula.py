"""Attention over all queries and keys at once, which the rule is compared with."""

import jax
import jax.numpy as jnp
from jax.extend.random import threefry_2x32


def by_formula(
    query,
    key,
    value,
    bias=None,
    mask=None,
    *,
    scale=None,
    is_causal=False,
    query_seq_lengths=None,
    key_value_seq_lengths=None,
    local_window_size=None,
    implementation=None,
    return_residual=False,
    softcap=None,
    q_offset=0,
    segment_ids=None,
    sinks=None,
    alibi=None,
    dropout_rate=0.0,
    dropout_key=None,
):
    """By einsum, each key head repeated for its group, each mask written out, the sink as one more column."""
    del implementation
    alone = query.ndim == 3
    if alone:
        query, key, value = query[None], key[None], value[None]
        segment_ids = jax.tree.map(lambda a: a[None], segment_ids)
    (batch, queries, heads, features), keys = query.shape, key.shape[1]
    key, value = (jnp.repeat(a, heads // a.shape[2], axis=2) for a in (key, value))
    four = lambda a: a.reshape((1,) * (4 - a.ndim) + a.shape)
    offset = jnp.reshape(jnp.asarray(0 if q_offset is None else q_offset, jnp.int32), (-1, 1, 1, 1))
    i, j = (
        jnp.arange(queries, dtype=jnp.int32).reshape(1, 1, -1, 1),
        jnp.arange(keys, dtype=jnp.int32).reshape(1, 1, 1, -1),
    )
    place = i + offset

    s = jnp.einsum("bqhd,bkhd->bhqk", query, key) * (max(features, 1) ** -0.5 if scale is None else scale)
    if bias is not None:
        s = s + four(bias)
    if alibi is not None:
        s = s - alibi.reshape(1, -1, 1, 1) * jnp.abs(place - j).astype(s.dtype)
    if softcap is not None:
        s = softcap * jnp.tanh(s / softcap)

    seen = jnp.ones((1, 1, 1, 1), bool) if mask is None else four(mask)
    if is_causal:
        seen = seen & (j <= place)
    if local_window_size is not None:
        before, after = (local_window_size,) * 2 if isinstance(local_window_size, int) else local_window_size
        seen = seen & (place <= j + before) & (place >= j - after)
    if query_seq_lengths is not None:
        seen = seen & (i < query_seq_lengths.astype(i.dtype).reshape(-1, 1, 1, 1))
    if key_value_seq_lengths is not None:
        seen = seen & (j < key_value_seq_lengths.astype(j.dtype).reshape(-1, 1, 1, 1))
    if segment_ids is not None:
        own, others = segment_ids if isinstance(segment_ids, tuple) else (segment_ids, segment_ids)
        seen = seen & (own[:, None, :, None] == others[:, None, None, :])

    sink = jnp.full((heads,), -jnp.inf, s.dtype) if sinks is None else sinks
    s = jnp.where(seen, s, -jnp.inf)
    s = jnp.concatenate([s, jnp.broadcast_to(sink.reshape(1, -1, 1, 1), (*s.shape[:3], 1))], axis=-1)
    nothing = jnp.all(jnp.isneginf(s), axis=-1, keepdims=True)
    lse = jax.nn.logsumexp(jnp.where(nothing, 0, s), axis=-1, keepdims=True)
    p = jnp.where(nothing, 0, jnp.exp(jnp.where(nothing, 0, s) - lse))[..., :-1]
    if dropout_key is not None and dropout_rate:
        rows = jnp.broadcast_to(jnp.arange(batch * heads * queries, dtype=jnp.uint32)[:, None], (p.size // keys, keys))
        columns = jnp.broadcast_to(jnp.arange(keys, dtype=jnp.uint32)[None], rows.shape)
        bits = threefry_2x32(tuple(jax.random.bits(dropout_key, (2,), jnp.uint32)), jnp.stack([rows, columns]))[0]
        stays = bits.reshape(p.shape) >= jnp.uint32(round(dropout_rate * 2**32))
        p = p * stays.astype(p.dtype) * (1 / (1 - dropout_rate))
    y = jnp.einsum("bhqk,bkhd->bqhd", p, value)
    lse = jnp.swapaxes(jnp.where(nothing, -jnp.inf, lse)[..., 0], 1, 2)
    y, lse = (y[0], lse[0]) if alone else (y, lse)
    return (y, lse) if return_residual else y
