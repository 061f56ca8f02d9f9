"""The keys and values that attention keeps while it streams: all of them, or the last ones.

A cache is ``{"key", "value": [batch, kept, heads, head_dim], "at": [batch]}``: ``at`` counts each row's positions so far.
What takes new keys and values returns the cache with them, those that are to be attended to, and the rule's options.
"""

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.core import Tracer

from .._streaming import after, last_of

Cache = dict[str, Array]
Seen = tuple[Cache, tuple[Array, Array], dict[str, Any]]


def empty(batch: int, kept: int, heads: int, head_dim: int, dtype: Any) -> Cache:
    """The cache before the first position."""
    zeros = jnp.zeros((batch, kept, heads, head_dim), dtype)
    return {"key": zeros, "value": zeros, "at": jnp.zeros(batch, jnp.int32)}


def with_all(cache: Cache, key: Array, value: Array, positions: Array, lengths: Array | None) -> Seen:
    """A cache that has room for all positions, with new ones written at theirs ``[batch, n]``.

    Raises:
      ValueError: there is no room for them.
    """
    end = after(cache["at"], key, lengths)
    key, value = _written(cache["key"], positions, key), _written(cache["value"], positions, value)
    _require_room(key.shape[1], end)
    return {"key": key, "value": value, "at": end}, (key, value), {"q_offset": cache["at"]}


def with_last(cache: Cache, key: Array, value: Array, lengths: Array | None) -> Seen:
    """A cache of the last positions, moved on by new ones, which see those that it had."""
    past, new, end = (cache["key"], cache["value"]), (key, value), after(cache["at"], key, lengths)
    kept, n = past[0].shape[1], key.shape[1]
    last = [last_of(old, a, lengths) for old, a in zip(past, new, strict=True)]
    key, value = (jnp.concatenate([old, a], 1) for old, a in zip(past, new, strict=True))
    seen = {"q_offset": kept, "mask": _there(cache["at"], kept, n)}
    return {"key": last[0], "value": last[1], "at": end}, (key, value), seen


def _written(cache: Array, positions: Array, a: Array) -> Array:
    """The cache ``[batch, capacity, ...]`` with a ``[batch, n, ...]`` at its positions; what is beyond it is left out."""
    rows = jnp.arange(cache.shape[0], dtype=jnp.int32)[:, None]
    return cache.at[rows, positions].set(a, mode="drop")


def _require_room(capacity: int, end: Array):
    """Raise ValueError where a row ends beyond the cache; tracers have no values."""
    if not isinstance(end, Tracer) and (end > capacity).any():
        raise ValueError(f"attention: a stream's x must end within the {capacity} positions that it was started with, got "
                         f"a row that ends at {end.max()}")  # fmt: skip


def _there(at: Array, kept: int, n: int) -> Array:
    """Which of the ``kept`` positions before, and of n new ones, there are: ``[batch, 1, 1, kept + n]``."""
    return (jnp.arange(kept + n, dtype=jnp.int32)[None] >= kept - at[:, None])[:, None, None]
