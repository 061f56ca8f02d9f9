"""What `dot_product_attention` asks of its arguments: arrays of one form, with a batch axis, and options."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer

from .._common._checks import (
    describe,
    is_int,
    require_bool,
    require_floating,
    require_key,
    require_number,
    require_shape,
    shapes,
)
from ._mask import Options

RULE = "dot_product_attention"
TILE = 2**19  # numbers that a tile of scores has, of all examples and heads together, as far as its sides allow
SIDES = (128, 512)  # of a tile, from and to
NARROW = 64  # the least side for a window


class Call(NamedTuple):
    """The arrays of a call, with a batch axis; None for one left out.

    Attributes:
      query: [batch, queries, heads, features].
      key: [batch, keys, kv_heads, features].
      value: [batch, keys, kv_heads, width].
      bias: broadcast to [batch, heads, queries, keys].
      mask: the same, of truth values.
      query_lengths: [batch], or [1] for all examples.
      key_lengths: the same.
      offset: the same.
      segments: [batch, queries], or a pair with [batch, keys].
      sinks: [heads].
      alibi: [heads].
      dropout_key: a key of `jax.random`.
    """

    query: Any
    key: Any
    value: Any
    bias: Any = None
    mask: Any = None
    query_lengths: Any = None
    key_lengths: Any = None
    offset: Any = None
    segments: Any = None
    sinks: Any = None
    alibi: Any = None
    dropout_key: Any = None


def arrays(query, key, value, bias, mask, query_lengths, key_lengths, offset, segments, sinks, alibi, dropout_key):
    """All arrays, checked, those of an example made those of a batch of one."""
    _require_heads(query, key, value)
    if query.ndim == 3:
        query, key, value = query[None], key[None], value[None]
        segments = jax.tree.map(lambda a: a[None], segments)
    (batch, queries, heads, _), keys = query.shape, key.shape[1]
    for name, a in (("sinks", sinks), ("alibi", alibi)):
        if a is not None:
            require_floating(RULE, **{name: a})
            require_shape(RULE, name, a, f"[{heads}], a number for each of query's heads", jnp.shape(a) == (heads,))
    if dropout_key is not None:
        require_key(RULE, dropout_key, "dropout_key")
    return Call(
        *(query, key, value),
        _of_scores("bias", bias, (batch, heads, queries, keys)),
        _of_scores("mask", mask, (batch, heads, queries, keys)),
        _of_examples("query_seq_lengths", query_lengths, batch),
        _of_examples("key_value_seq_lengths", key_lengths, batch),
        None if is_int(offset) else _of_examples("q_offset", offset, batch),
        _segments(segments, (batch, queries), (batch, keys)),
        *(sinks, alibi, dropout_key),
    )


def chosen(call: Call, scale, is_causal, local_window_size, implementation, return_residual, softcap, q_offset, rate):
    """The options, checked; a tile's block of queries and of keys is chosen by the shapes."""
    (batch, queries, heads, features), keys = call.query.shape, call.key.shape[1]
    require_bool(RULE, is_causal=is_causal, return_residual=return_residual)
    if implementation not in (None, "xla", "cudnn"):
        raise ValueError(f"{RULE}: implementation must be None, 'xla' or 'cudnn', got {implementation!r}")
    if softcap is not None:
        require_number(RULE, "softcap", softcap, "above 0, and finite", lambda v: 0 < v < math.inf)
    require_number(RULE, "dropout_rate", rate, "from 0 to below 1", lambda v: 0 <= v < 1)
    if rate and call.dropout_key is None:
        raise TypeError(f"{RULE}: dropout_key must be a jax.random.key where dropout_rate is {rate}, got None")
    window = _window(local_window_size)
    return Options(
        _scale(scale, features),
        bool(is_causal),
        window,
        softcap,
        int(q_offset) if is_int(q_offset) else 0,
        rate,
        _block(batch * heads, queries, keys, window),
    )


def by_cudnn(call: Call, options: Options):
    """y and lse by cuDNN, through `jax.nn`, whose options alone it has."""
    beyond = {
        "softcap": options.softcap,
        "q_offset": call.offset if call.offset is not None else options.offset or None,
        "segment_ids": call.segments,
        "sinks": call.sinks,
        "alibi": call.alibi,
        "dropout_rate": options.dropout_rate or None,
    }
    for name, value in beyond.items():
        if value is not None:
            raise ValueError(f"{RULE}: {name} must be left out where implementation is 'cudnn', which lacks it")
    return jax.nn.dot_product_attention(
        *(call.query, call.key, call.value, call.bias, call.mask),
        scale=options.scale,
        is_causal=options.is_causal,
        query_seq_lengths=call.query_lengths,
        key_value_seq_lengths=call.key_lengths,
        local_window_size=options.window,
        implementation="cudnn",
        return_residual=True,
    )


def _require_heads(query, key, value):
    of_keys = "... keys kv_heads"
    shapes(
        RULE,
        query=(query, "... queries heads features"),
        key=(key, f"{of_keys} features"),
        value=(value, f"{of_keys} width"),
    )
    expected = "[batch, queries, heads, features] or [queries, heads, features]"
    require_shape(RULE, "query", query, expected, query.ndim in (3, 4))
    heads, kv_heads = query.shape[-2], key.shape[-2]
    if not kv_heads or heads % kv_heads:
        raise ValueError(
            f"{RULE}: query must have a multiple of the {kv_heads} heads of key, got {heads} of them, {describe(query)}"
        )


def _of_scores(name, a, shape):
    """bias or mask with all four axes, each of which may be 1."""
    if a is None:
        return None
    if name == "bias":
        require_floating(RULE, bias=a)
    else:
        _require_kind("mask", a, jnp.bool_, "truth values")
    fits = jnp.ndim(a) <= 4 and all(n in (1, m) for n, m in zip(jnp.shape(a)[::-1], shape[::-1], strict=False))
    require_shape(RULE, name, a, f"{list(shape)} [batch, heads, queries, keys], or broadcast to it", fits)
    return jnp.reshape(a, (1,) * (4 - jnp.ndim(a)) + jnp.shape(a))


def _of_examples(name, a, batch):
    """Lengths or offsets, [batch] or one for all, as [batch] or [1]."""
    if a is None:
        return None
    _require_kind(name, a, jnp.integer, "integers")
    require_shape(RULE, name, a, f"[{batch}], a number for each example", a.shape in ((batch,), ()))
    return jnp.reshape(a, a.shape or (1,))


def _segments(segment_ids, of_queries, of_keys):
    """The segments of queries and keys, one array where they are the same."""
    if segment_ids is None:
        return None
    pair = segment_ids if isinstance(segment_ids, tuple) else (segment_ids, segment_ids)
    if len(pair) != 2:
        raise ValueError(f"{RULE}: segment_ids must be an array or a pair of them, got {len(pair)}")
    for a, shape, whose in zip(pair, (of_queries, of_keys), ("queries", "keys"), strict=True):
        _require_kind("segment_ids", a, jnp.integer, "integers")
        require_shape(RULE, "segment_ids", a, f"{list(shape)}, a number for each of the {whose}", a.shape == shape)
    return segment_ids


def _require_kind(name, a, kind, entries):
    if not hasattr(a, "dtype") or not jnp.issubdtype(a.dtype, kind):
        raise TypeError(f"{RULE}: {name} must be an array of {entries}, got {describe(a)}")


def _scale(scale: Any, features: int) -> float:
    """A number, which may be NumPy's or that of an array without axes, as for `jax.nn`."""
    if scale is None:
        return 1 / math.sqrt(max(features, 1))
    concrete = getattr(scale, "shape", None) == () and not isinstance(scale, Tracer)
    scale = float(scale) if concrete else scale
    require_number(RULE, "scale", scale, "that is finite", math.isfinite)
    return scale


def _window(size):
    """How many keys before and after: one number says both."""
    if size is None:
        return None
    pair = size if isinstance(size, tuple) else (size, size)
    if len(pair) != 2 or not all(map(is_int, pair)) or min(pair) < 0:
        raise ValueError(
            f"{RULE}: local_window_size must be an int or a pair of them, before and after, not negative, got {size!r}"
        )
    return int(pair[0]), int(pair[1])


def _block(heads, queries, keys, window):
    """How many queries and keys make a tile: a power of 2, less for more heads and for a narrow window.

    Large tiles are faster by the entry; small ones have fewer entries that no query sees. Of fewer queries than a side a
    tile has the more keys: where a sequence is generated, all of a cache at once.
    """
    side = min(max(_power_of_2(math.sqrt(TILE / max(heads, 1))), SIDES[0]), SIDES[1])
    if window is not None:
        side = min(side, max(_power_of_2(sum(window) + 1), NARROW))
    few = window is None and 0 < queries < side
    sides = side, max(side, TILE // max(heads * queries, 1)) if few else side
    queries, keys = (-(-n // max(-(-n // m), 1)) for n, m in zip((queries, keys), sides, strict=True))
    return max(queries, 1), max(keys, 1)  # as many blocks, as little padding


def _power_of_2(n):
    """The largest that is at most n, for n of at least 1."""
    return 2 ** math.floor(math.log2(max(n, 1)))
