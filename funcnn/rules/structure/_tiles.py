"""A function of rows, some of them at a time, so that what it computes on the way is never there for all of them."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from .._common._cotangent import placement, varying_as


def over_tiles(f, tile, *arrays):
    """``f(*arrays) -> (y, sums)`` with rows in tiles: y's rows put together, and the sums added up.

    Args:
      f: a function of arrays ``[rows, features]`` that returns such an array, and a pytree of sums over rows.
      tile: how many rows at most, or None for ``f(*arrays)`` itself. The tiles are as equal as they can be; the last rows
        are filled up by rows of 0, whose part of the sums must be 0.
      *arrays: ``[..., features]``, of the same leading axes, or None.

    Returns:
      y with the leading axes of the arrays, and the sums. On a mesh each device has its share of every tile: tile k
      takes the rows k, k + tiles, k + 2 tiles and so on.
    """
    if tile is None:
        return f(*arrays)
    leading = next(a for a in arrays if a is not None).shape[:-1]
    rows = math.prod(leading)
    tiles = max(1, -(-rows // tile))
    size = -(-rows // tiles)

    def cut(a):
        a = a.reshape(rows, a.shape[-1])
        a = jnp.pad(a, ((0, size * tiles - rows), (0, 0))) if size * tiles > rows else a
        return a.reshape(size, tiles, a.shape[-1]).swapaxes(0, 1)

    def step(sums, arrays):
        y, more = f(*arrays)
        return jax.tree.map(jnp.add, sums, more), y

    cuts = jax.tree.map(cut, arrays)
    start = jax.tree.map(_zeros, jax.eval_shape(lambda: f(*jax.tree.map(lambda a: a[0], cuts))[1]))
    sums, y = lax.scan(step, start, cuts)
    y = y.swapaxes(0, 1).reshape(size * tiles, y.shape[-1])
    return (y if size * tiles == rows else y[:rows]).reshape(*leading, y.shape[-1]), sums


def _zeros(like):
    """Zeros of that type: of its placement on an Explicit mesh, and varying over the mesh axes that it varies on."""
    return varying_as(like, jnp.zeros(like.shape, like.dtype, out_sharding=placement(like)))
