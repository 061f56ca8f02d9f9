"""Batches on a mesh: their examples divided over its devices."""

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .._core import PyTree
from .._paths import dotted
from ._mesh import axes_of, batch_axes, divides, parts
from ._placement import put


def divide(batch: Any, mesh: Mesh) -> Any:
    """A batch on a mesh, its examples divided over the axis ``"data"``, and over ``"replica"`` where the mesh has one.

    In several processes each hands in its own examples, as many as any other; the batch is all of them.

    Args:
      batch: a tree of arrays with the examples along their first axis.
      mesh: a `jax.sharding.Mesh`.

    Raises:
      TypeError: mesh is not a mesh.
      ValueError: the mesh has no such axis, or does not divide the examples. Nothing is left out: `place` puts a last,
        shorter batch on every device whole.

    Example:
      >>> mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
      >>> x, y = divide((jnp.ones((8, 3)), jnp.ones(8)), mesh)
      >>> x.addressable_shards[0].data.shape, y.addressable_shards[0].data.shape
      ((2, 3), (2,))
    """
    rows = NamedSharding(mesh, PartitionSpec(batch_axes(mesh)))
    processes = len({device.process_index for device in mesh.devices.flat})

    def put_rows(path, a):
        require_divided(f"batch.{dotted(path)}" if path else "batch", np.shape(a)[0] * processes, mesh)
        if processes == 1:
            return jax.device_put(a, rows)
        return jax.make_array_from_process_local_data(rows, np.asarray(a))

    return jax.tree_util.tree_map_with_path(put_rows, batch)


def spread(mesh: Mesh, same: bool, batch: PyTree) -> PyTree:
    """A batch on a mesh: its examples divided if the mesh divides them, else whole on every device.

    Args:
      mesh: with an axis for batches.
      same: whether all processes hand in the same batch, not each its own part of one.
      batch: a tree of arrays with the examples along their first axis.
    """
    if not same and jax.process_count() > 1:
        return divide(batch, mesh)
    rows, axes = NamedSharding(mesh, PartitionSpec(batch_axes(mesh))), batch_axes(mesh)
    whole = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(lambda a: put(a, rows if divides(mesh, axes, np.shape(a)[0]) else whole), batch)


def require_divided(what: str, examples: int, mesh: Mesh) -> None:
    """Raise ValueError unless so many examples divide over the mesh."""
    devices = parts(mesh, batch_axes(mesh))
    if examples % devices:
        raise ValueError(
            f"{what} must have a multiple of {devices} examples on a mesh of {axes_of(mesh)}, got {examples}"
        )
