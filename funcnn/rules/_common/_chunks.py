"""Sums and arrays over an axis that is too long for one array, made a chunk at a time.

The number of chunks is static. The first one may be shorter than the others, so that nothing is padded or copied. It begins
the loop, which therefore has the dtypes and the placement of what is summed.
"""

from typing import Any

import jax.numpy as jnp
from jax import lax


def over_chunks(part, merge, total, size) -> Any:
    """What the chunks of an axis give, merged in order.

    Args:
      part: of ``(start, size)``, the size static.
      merge: of ``(whole, part, start)``; the first whole is None.
      total: the axis's size.
      size: of a chunk.
    """
    count = max(1, -(-total // size))
    first = total - (count - 1) * size
    whole = merge(None, part(0, first), 0)
    if count == 1:
        return whole

    def step(whole, start):
        return merge(whole, part(start, size), start), None

    return lax.scan(step, whole, first + size * jnp.arange(count - 1, dtype=jnp.int32))[0]


def cut(a, start, size, axis) -> Any:
    """The chunk of an array along an axis; None for None."""
    if a is None or a.shape[axis] == size:
        return a
    return lax.dynamic_slice_in_dim(a, start, size, axis)


def placed(whole, part, start, total, axis) -> Any:
    """The whole with one more chunk in its place along an axis; of the first chunk a whole with zeros after it."""
    if part is None or part.shape[axis] == total:
        return part
    if whole is None:
        zeros = [(0, total - part.shape[axis] if i == axis else 0, 0) for i in range(part.ndim)]
        return lax.pad(part, jnp.zeros((), part.dtype), zeros)
    return lax.dynamic_update_slice_in_dim(whole, part, start, axis)


def added(whole, part) -> Any:
    """Their sum; the part itself where it is the first, or None."""
    return part if whole is None or part is None else whole + part
