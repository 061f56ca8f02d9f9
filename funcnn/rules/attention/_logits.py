"""The logits of one tile, capped, and their cotangents; which of them a query sees; which probabilities dropout keeps."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.random import threefry_2x32

from .._common._precision import widen
from ._arguments import Call
from ._mask import Options, spans_within_lengths
from ._tiles import by_head, by_score, over_columns, over_features, over_rows, take


class Parts(NamedTuple):
    """What the scores of all queries and keys, or of a tile, are made of; None for what a call is without.

    Attributes:
      query: [batch, kv_heads, group, queries, features].
      key: [batch, kv_heads, 1, keys, features].
      value: as key.
      bias: what is added to the scores.
      mask: where a query may attend to a key.
      alibi: what a step of distance takes off, a number a head.
      place: of each query among the keys.
      low: the first key that each query sees.
      high: the key after the last one that it sees.
      segments: of each query.
      key_segments: of each key.
      row: the number of each row of scores.
      column: the number of each key.
      words: the key of dropout, two numbers.
    """

    query: Any
    key: Any
    value: Any
    bias: Any
    mask: Any
    alibi: Any
    place: Any
    low: Any
    high: Any
    segments: Any
    key_segments: Any
    row: Any
    column: Any
    words: Any


def lay_out(call: Call, options: Options) -> Parts:
    """All parts of a call, laid out for tiles."""
    (batch, queries, heads, _), (_, keys, kv_heads, _), block = call.query.shape, call.key.shape, options.block
    scores = lambda a: None if a is None else by_score(a, kv_heads, block)
    a_row = lambda a: scores(a[:, None, :, None])
    place = jnp.arange(queries, dtype=jnp.int32)[None] + jnp.int32(options.offset)
    place = place if call.offset is None else place + call.offset.astype(jnp.int32)[:, None]
    low, high = spans_within_lengths(place, keys, call.query_lengths, call.key_lengths, options)
    segments, key_segments = call.segments if isinstance(call.segments, tuple) else (call.segments, call.segments)
    row = words = None
    if options.dropout_rate:
        row = scores(jnp.arange(batch * heads * queries, dtype=jnp.uint32).reshape(batch, heads, queries, 1))
        words = jax.random.bits(call.dropout_key, (2,), jnp.uint32)
    return Parts(
        by_head(call.query, kv_heads, block[0]),
        by_head(call.key, kv_heads, block[1]),
        by_head(call.value, kv_heads, block[1]),
        scores(call.bias),
        scores(call.mask),
        scores(a_head(call.alibi)),
        a_row(place),
        a_row(low),
        a_row(high),
        None if segments is None else a_row(segments),
        None if key_segments is None else scores(key_segments[:, None, None, :]),
        row,
        jnp.arange(keys + -keys % block[1], dtype=jnp.int32).reshape(1, 1, 1, 1, -1),
        words,
    )


def a_head(a):
    """Numbers [heads] as [1, heads, 1, 1], widened; None for None."""
    return None if a is None else widen(a)[None, :, None, None]


def tile(parts: Parts, at, options: Options) -> Parts:
    """The parts of a block of queries and a block of keys, half precision widened."""
    block = options.block
    of_query, of_keys = lambda a: widen(take(a, at[:1], block)), lambda a: widen(take(a, at[1:], block[1:]))
    own = jax.tree.map(lambda a: take(a, at, block), parts._replace(query=None, key=None, value=None, words=None))
    return own._replace(
        query=of_query(parts.query), key=of_keys(parts.key), value=of_keys(parts.value), words=parts.words
    )


def logits(part: Parts, options: Options):
    """cap(scale q·k + bias - alibi |place - column|), whether it is seen or not."""
    s = options.scale * over_features(part.query, part.key)
    if part.bias is not None:
        s = s + widen(part.bias)
    if part.alibi is not None:
        s = s - part.alibi * _distance(part, s)
    return s if options.softcap is None else options.softcap * jnp.tanh(s / options.softcap)


def logits_bwd(part: Parts, s, s_bar, options: Options):
    """The cotangents of a tile's query, key, bias and alibi, for s the logits."""
    if options.softcap is not None:
        s_bar = s_bar * (1 - jnp.square(s / options.softcap))
    alibi_bar = None if part.alibi is None else -s_bar * _distance(part, s)
    score_bar = options.scale * s_bar
    return over_columns(score_bar, part.key), over_rows(part.query, score_bar), s_bar, alibi_bar


def seen(part: Parts):
    """Where a query may attend to a key."""
    here = (part.low <= part.column) & (part.column < part.high)
    if part.mask is not None:
        here = here & part.mask
    if part.segments is not None:
        here = here & (part.segments == part.key_segments)
    return here


def kept(part: Parts, p, options: Options):
    """What dropout multiplies the probabilities by, drawn for each row and column by their numbers alone; 1 without."""
    if not options.dropout_rate:
        return jnp.ones((), p.dtype)
    counts = jnp.stack([jnp.broadcast_to(a, p.shape) for a in (part.row, part.column.astype(jnp.uint32))])
    bits = threefry_2x32((part.words[0], part.words[1]), counts)[0]
    stays = bits >= jnp.uint32(min(round(options.dropout_rate * 2**32), 2**32 - 1))
    return jnp.where(stays, 1 / (1 - options.dropout_rate), 0).astype(p.dtype)


def _distance(part, s):
    return jnp.abs(part.place - part.column).astype(s.dtype)
