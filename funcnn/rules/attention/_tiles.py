"""Arrays as [batch, kv_heads, group, queries, keys or features], and the tiles by which they are taken.

A group is the query heads that share a key head. Queries and keys are padded to whole blocks. An axis of size 1 stands
for all, and a tile takes it whole.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jax.lax import dot_general
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from .._common._precision import widen

ROWS, COLUMNS = 3, 4  # axes of a tile


def by_head(a, kv_heads: int, block: int):
    """[batch, length, heads, features] as [batch, kv_heads, group, padded length, features]."""
    batch, length, heads, features = a.shape
    a = jnp.transpose(a, (0, 2, 1, 3)).reshape(batch, kv_heads, heads // kv_heads, length, features)
    return _padded(a, ROWS, block)


def from_heads(a, length: int):
    """The inverse of `by_head`."""
    batch, kv_heads, group, _, features = a.shape
    a = jnp.transpose(a[:, :, :, :length], (0, 3, 1, 2, 4))
    return a.reshape(batch, length, kv_heads * group, features)


def by_score(a, kv_heads: int, block: tuple[int, int]):
    """[batch or 1, heads or 1, queries or 1, keys or 1] as scores are laid out."""
    batch, heads, queries, keys = a.shape
    groups = (1, 1) if heads == 1 else (kv_heads, heads // kv_heads)
    a = a.reshape(batch, *groups, queries, keys)
    for axis, side in zip((ROWS, COLUMNS), block, strict=True):
        a = a if a.shape[axis] == 1 else _padded(a, axis, side)
    return a


def from_scores(a, like):
    """The inverse of `by_score`, of the shape of ``like``; None for None."""
    return None if a is None else a[..., : like.shape[2], : like.shape[3]].reshape(like.shape)


def _padded(a, axis, block):
    missing = -a.shape[axis] % block
    if not missing:
        return a
    return lax.pad(a, jnp.zeros((), a.dtype), [(0, missing if i == axis else 0, 0) for i in range(a.ndim)])


def blank(shape, fill, like, others):
    """An array to add tiles to: divided over an Explicit mesh as ``like`` is, and varying as all ``others`` do."""
    a = jnp.full(shape, fill, widen(like).dtype)
    mesh, spec = jax.typeof(like).sharding.mesh, jax.typeof(like).sharding.spec
    if AxisType.Explicit in mesh.axis_types:
        spec = P(*(name if n > 1 else None for name, n in zip(spec, shape, strict=True)))
        a = jax.sharding.reshard(a, NamedSharding(mesh, spec))
    devices = frozenset().union(*(jax.typeof(b).manual_axis_type.varying for b in jax.tree.leaves(others)))
    return lax.pcast(a, tuple(sorted(devices)), to="varying") if devices else a


def take(a, at, block, axes=(ROWS, COLUMNS)):
    """The tile of an array at a block of rows, or of rows and columns; all of an axis of size 1."""
    return lax.dynamic_slice(a, *_where(a.shape, at, block, axes))


def put(a, tile, at, block, axes=(ROWS, COLUMNS)):
    """The array with the tile in its place."""
    return lax.dynamic_update_slice(a, tile, _where(a.shape, at, block, axes)[0])


def add(a, tile, at, block, axes=(ROWS, COLUMNS)):
    """The array with the tile added in its place, summed over the axes where the array has one entry for all."""
    if a is None:
        return None
    _, sizes = _where(a.shape, at, block, axes)
    repeated = tuple(i for i, (n, m) in enumerate(zip(sizes, tile.shape, strict=True)) if n < m)
    return put(a, take(a, at, block, axes) + jnp.sum(tile, repeated, keepdims=True), at, block, axes)


def _where(shape, at, block, axes):
    """Where a tile starts, and its shape."""
    starts, sizes = [jnp.int32(0)] * len(shape), list(shape)
    for axis, i, side in zip(axes, at, block, strict=False):
        if shape[axis] > 1:
            starts[axis], sizes[axis] = i * side, side
    return starts, sizes


def over_features(a, b):
    """a bᵀ, the scores of rows with rows: [..., rows, features] and [..., 1, columns, features]."""
    return _product(a, b, 3, 3).reshape(*a.shape[:4], b.shape[ROWS])


def over_columns(p, a):
    """p a, a sum of a's rows for each row of p: [..., rows, columns] and [..., 1, columns, features]."""
    return _product(p, a, 3, 2).reshape(*p.shape[:4], a.shape[4])


def over_rows(a, p):
    """aᵀ p, summed over a group too: [..., rows, features] and [..., rows, columns] to [..., 1, features, columns].

    XLA's product on a CPU is faster in this order than pᵀ a.
    """
    return _product(a, p, 2, 2)[:, :, None]


def _product(a, b, of_a, of_b):
    """A product of two matrices a key head; the rows of a group are rows of one matrix."""
    a, b = (x.reshape(*x.shape[:2], x.shape[2] * x.shape[3], x.shape[4]) for x in (a, b))
    return dot_general(a, b, (((of_a,), (of_b,)), ((0, 1), (0, 1))), preferred_element_type=widen(a).dtype)
