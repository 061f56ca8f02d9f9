"""Attention with heads, by `funcnn.rules.dot_product_attention` and `funcnn.rules.rope`, with a cache when it streams."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from .. import initializers, rules
from .._core import Layer, Stream, split_key
from .._shown import shown
from .._streaming import cannot_stream, refuse
from ..rules._common._checks import are_integers, describe, require_bool, require_number
from ._cache import empty, with_all, with_last
from ._example import features as features_of
from ._example import key_of_training, positive, require_rate
from ._inputs import alone, entries

_ENTRIES = {"x", "lengths", "positions", "segment_ids"}
_LENGTHS = {"lengths", "memory_lengths"}
_OF_MEMORY = {"x", "memory", *_LENGTHS}


@shown
def attention(
    heads: int,
    *,
    kv_heads: int | None = None,
    head_dim: int | None = None,
    causal: bool = False,
    window: int | None = None,
    softcap: float | None = None,
    rope: bool | Mapping[str, Any] = False,
    qk_norm: bool = False,
    bias: bool = False,
    dropout: float = 0.0,
    cross: bool = False,
    w_init=initializers.lecun_normal(),
) -> Layer:
    """Each position's average of all positions, or of a memory, by heads with queries, keys and values of their own.

    Args:
      heads: how many queries a position has.
      kv_heads: how many keys and values, of which ``heads`` is a multiple; None for as many as queries.
      head_dim: the size of each; None for features / heads.
      causal: whether a position sees none after it.
      window: how many positions to each side a position sees, itself included; None for all. A stream keeps one less, or
        all that it is started with, where these are fewer.
      softcap: c, for scores of ``c tanh(score / c)``.
      rope: whether queries and keys are turned by `funcnn.rules.rope`; or its options, ``{"base": 500_000.0}``. They are
        kept turned by a stream.
      qk_norm: whether queries and keys are normalised by root mean square over ``head_dim``, with a scale.
      bias: whether the four linear maps have one.
      dropout: the fraction of the weights that is dropped while training.
      cross: whether keys and values are those of a memory.
      w_init: an initializer, see `funcnn.initializers`.

    Returns:
      A layer with parameters ``{"w_query": [n, heads · head_dim], "w_key", "w_value", "w_out": [heads · head_dim, n]}``,
      ``b_…`` and ``query_scale``, ``key_scale`` where asked for. x is an array ``[batch, T, n]``, or a dict ``{"x": …}``
      with any of ``lengths`` ``[batch]``, ``positions`` ``[batch, T]`` or ``[T]`` and ``segment_ids`` ``[batch, T]``.
      With ``cross`` it is a dict with ``memory`` ``[batch, S, m]`` too, and perhaps ``lengths`` and ``memory_lengths``.
      The value is like x. A stream that keeps all positions ends with those that it was started with. A position beyond
      them is NaN where it has no value yet, as inside jit. One of ``cross`` is started with the memory, whose keys and
      values it makes once, and then takes x alone.

    Raises:
      TypeError, ValueError: an option is not as described, or a stream is given more positions than it was started with.

    Example:
      >>> layer, x = attention(4, causal=True, rope=True), jnp.ones((2, 5, 16))
      >>> params = layer.init(jax.random.key(0), x)
      >>> layer.apply(params, {"x": x, "lengths": jnp.array([5, 3])}).shape
      (2, 5, 16)
    """
    kv_heads = heads if kv_heads is None else kv_heads
    _require_options(heads, kv_heads, head_dim, window, softcap, rope, dropout)
    require_bool("attention", causal=causal, qk_norm=qk_norm, bias=bias, cross=cross)
    if cross and (causal or rope or window):
        raise ValueError("attention: causal, window and rope are not for cross: a memory has positions of its own")
    turn = (lambda a, positions: rules.rope(a, positions, **({} if rope is True else rope))) if rope else None
    reach = None if window is None else (window - 1, 0 if causal else window - 1)

    def init(key, inputs):
        given = _parts(inputs, cross)
        (n, dtype), (m, _) = (features_of("attention", given[name]) for name in ("x", "memory" if cross else "x"))
        if head_dim is None and n % heads:
            raise ValueError(f"attention: heads must divide x's {n} features, got {heads}: or give head_dim")
        d = head_dim or n // heads
        if turn:  # so that its options are checked before anything is trained
            jax.eval_shape(turn, jax.ShapeDtypeStruct((1, 1, 1, d), dtype), jax.ShapeDtypeStruct((1,), jnp.int32))
        shapes = {"query": (n, heads * d), "key": (m, kv_heads * d), "value": (m, kv_heads * d), "out": (heads * d, n)}
        keys = dict(zip(shapes, split_key(key, 4), strict=True))
        params = {f"w_{name}": w_init(keys[name], shape, dtype) for name, shape in shapes.items()}
        params |= {f"b_{name}": jnp.zeros(shape[1], dtype) for name, shape in shapes.items()} if bias else {}
        return params | ({f"{name}_scale": jnp.ones(d, dtype) for name in ("query", "key")} if qk_norm else {})

    def project(params, name, x):
        """Queries, keys or values ``[batch, T, heads, head_dim]``, normalised if asked for."""
        a = rules.linear(x, params[f"w_{name}"], params.get(f"b_{name}"))
        a = a.reshape(*x.shape[:2], heads if name == "query" else kv_heads, params["w_query"].shape[1] // heads)
        return rules.rms_norm(a, params[f"{name}_scale"]) if f"{name}_scale" in params else a

    def attend(params, query, key, value, **options):
        y = rules.dot_product_attention(
            query, key, value, is_causal=causal, local_window_size=reach, softcap=softcap, **options
        )
        return _of_all_heads(y, params["w_out"], params.get("b_out"))

    def apply(params, inputs, *, key=None, training=False):
        given = _parts(inputs, cross)
        x, lengths = given["x"], given.get("lengths")
        q = project(params, "query", x)
        k, v = (project(params, name, given["memory" if cross else "x"]) for name in ("key", "value"))
        if turn:
            positions = given.get("positions", jnp.arange(x.shape[1], dtype=jnp.int32))
            q, k = turn(q, positions), turn(k, positions)
        options = {
            "query_seq_lengths": lengths,
            "key_value_seq_lengths": given.get("memory_lengths") if cross else lengths,
            "segment_ids": given.get("segment_ids"),
        }
        return attend(params, q, k, v, **options, **_dropped(dropout, key, training))

    def start(params, like):
        if cross:
            return _of_memory(_parts(like, cross), lambda name, memory: project(params, name, memory))
        x = alone(like)
        kept = x.shape[1] if window is None else min(window - 1, x.shape[1])
        return empty(x.shape[0], kept, kv_heads, params["w_key"].shape[1] // kv_heads, x.dtype)

    def step(params, carry, inputs, lengths=None):
        x = alone(inputs)
        if cross:
            seen = {"key_value_seq_lengths": carry.get("lengths")}
            return carry, attend(params, project(params, "query", x), carry["key"], carry["value"], **seen)
        q, k, v = (project(params, name, x) for name in ("query", "key", "value"))
        positions = carry["at"][:, None] + jnp.arange(x.shape[1], dtype=jnp.int32)[None]
        q, k = (turn(q, positions), turn(k, positions)) if turn else (q, k)
        kept = carry["key"].shape[1]
        if window is not None and kept == window - 1:
            carry, (k, v), seen = with_last(carry, k, v, lengths)
            return carry, attend(params, q, k, v, **seen)
        carry, (k, v), seen = with_all(carry, k, v, positions, lengths)  # a window that reaches further keeps all too
        return carry, jnp.where((positions < kept)[..., None], attend(params, q, k, v, **seen), jnp.nan)

    if not causal and not cross:
        return Layer(init, apply, stream=cannot_stream("attention that is not causal sees later positions"))
    return Layer(init, apply, stream=Stream(start, step))


@partial(jax.checkpoint, prevent_cse=False)  # y is kept by attention: its reshape is computed again, not kept beside it
def _of_all_heads(y: Array, w: Array, b: Array | None) -> Array:
    """A linear layer on all heads, ``[batch, T, heads, head_dim]``, together."""
    return rules.linear(y.reshape(*y.shape[:2], len(w)), w, b)


def _of_memory(given, project) -> dict[str, Array]:
    """The carry of attention to a memory: its keys and values, made once, and its lengths."""
    if isinstance(given["memory"], jax.ShapeDtypeStruct) or "lengths" in given:
        came = ", ".join(f"{name} {type(a).__name__}{list(a.shape)}" for name, a in sorted(given.items()))
        refuse(f"attention to a memory starts with its values, and with no lengths of x, got {came}")
    lengths = {"lengths": given["memory_lengths"]} if given.get("memory_lengths") is not None else {}
    return {name: project(name, given["memory"]) for name in ("key", "value")} | lengths


def _dropped(rate, key, training):
    if not training or rate == 0:
        return {}
    return {"dropout_rate": rate, "dropout_key": key_of_training("attention", key)}


def _parts(inputs, cross) -> dict[str, Any]:
    """x and what comes with it, as a dict."""
    needed, known = ({"x", "memory"}, _OF_MEMORY) if cross else ({"x"}, _ENTRIES)
    given = entries("attention", inputs, known, needed)
    for name in sorted(needed):
        if len(getattr(given[name], "shape", (0, 0, 0))) != 3:
            raise ValueError(f"attention: {name} must be [batch, positions, features], got {describe(given[name])}")
    for name, a in given.items():
        if name in _LENGTHS and a is not None and not (are_integers(a) and a.shape == given["x"].shape[:1]):
            rows = list(given["x"].shape[:1])
            raise TypeError(f"attention: {name} must be integers {rows}, got {describe(a)}")
    return given


def _require_options(heads, kv_heads, head_dim, window, softcap, rope, dropout):
    for name, value in {"heads": heads, "kv_heads": kv_heads, "head_dim": head_dim, "window": window}.items():
        if value is not None:
            positive("attention", name, value)
    if heads % kv_heads:
        raise ValueError(f"attention: heads must be a multiple of kv_heads, got {heads} and {kv_heads}")
    if not isinstance(rope, (bool, Mapping)):
        raise TypeError(f"attention: rope must be a bool or a dict of options, got {rope!r}")
    if softcap is not None:
        require_number("attention", "softcap", softcap, "above 0, and finite", lambda v: 0 < v < math.inf)
    require_rate("attention", "dropout", dropout)
