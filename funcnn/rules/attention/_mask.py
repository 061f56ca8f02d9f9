"""Which keys a query may attend to: one span of them a row, and what is not a span beside it.

Causal masks, windows, lengths and padding each let query i see the keys from one place to another. All of them together
are a span, low_i ≤ j < high_i. Segments and boolean masks are compared entry by entry.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np


class Options(NamedTuple):
    """What both passes know when they are traced.

    Attributes:
      scale: what query · key is multiplied by.
      is_causal: whether a query sees no key beyond its own place.
      window: how many keys before and after its own place a query sees; None for all.
      softcap: the cap of the logits, or None.
      offset: the place of query 0 among the keys, as far as it is a plain number.
      dropout_rate: the fraction of the probabilities that is dropped.
      block: how many queries and how many keys make a tile.
    """

    scale: float
    is_causal: bool
    window: tuple[int, int] | None
    softcap: float | None
    offset: int
    dropout_rate: float
    block: tuple[int, int]


def spans(place, keys: int, options: Options):
    """The keys that a query at each place sees, from low to below high; of NumPy's arrays or JAX's."""
    before, after = options.window or (None, None)
    after = 0 if options.is_causal else after
    low = place * 0 if before is None else (place - before).clip(0, keys)
    high = place * 0 + keys if after is None else (place + after + 1).clip(0, keys)
    return low, high


def spans_within_lengths(place, keys: int, query_lengths, key_lengths, options: Options):
    """The same for places [batch or 1, queries], of examples of so many queries and keys, [batch] or None."""
    low, high = spans(place, keys, options)
    if key_lengths is not None:
        high = jnp.minimum(high, key_lengths.astype(high.dtype)[:, None])
    if query_lengths is not None:
        row = jnp.arange(place.shape[1], dtype=query_lengths.dtype)[None]
        high = jnp.where(row < query_lengths[:, None], high, 0)
    return low, high


def tiles(queries: int, keys: int, options: Options, anywhere: bool) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of a block of queries and a block of keys of which any may see any, row by row.

    ``anywhere`` says that the queries' places are known at run time only, so that no pair can be left out.
    """
    block = options.block
    rows, columns = -(-queries // block[0]), -(-keys // block[1])
    low, high = spans(np.arange(rows * block[0]) + options.offset, keys, options)
    low, high = low.reshape(rows, block[0]).min(1, keepdims=True), high.reshape(rows, block[0]).max(1, keepdims=True)
    start = np.arange(columns)[None] * block[1]
    seen = (start < high) & (start + block[1] > low) | anywhere
    i, j = np.nonzero(seen)
    return i.astype(np.int32), j.astype(np.int32)
