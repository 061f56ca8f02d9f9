"""Where tokens are generated: on the mesh that parameters lie on, each device its own rows, with whole parameters."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from .._core import Params, PyTree
from ..training._in_place import places_of
from ..training._mesh import rows_spec


def mesh_of(params: Params) -> Mesh | None:
    """The mesh of several devices that parameters lie on, with Auto axes; None if they lie on no such mesh.

    Generation has no gradient, so an Explicit mesh's types, which each operation would have to say, are of no use in it.
    """
    places = places_of(params)
    if places is None or not isinstance(places.mesh, Mesh):
        return None
    mesh = places.mesh
    return Mesh(mesh.devices, mesh.axis_names, axis_types=(AxisType.Auto,) * len(mesh.axis_names))


def inside(mesh: Mesh | None) -> AbstractContextManager[Any]:
    """The context of the mesh, in place of the caller's."""
    return nullcontext() if mesh is None else jax.set_mesh(mesh)


def whole(mesh: Mesh | None, tree: PyTree) -> PyTree:
    """The tree with every array whole on every device."""
    return tree if mesh is None else jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def by_rows(mesh: Mesh | None, tree: PyTree) -> PyTree:
    """The tree with every array divided along its first axis over the mesh's axes for batches, or whole."""
    if mesh is None:
        return tree
    return jax.tree.map(lambda a: jax.device_put(a, NamedSharding(mesh, rows_spec(mesh, len(a)))), tree)


def fetched(a: Any) -> Any:
    """An array of a mesh as NumPy's, which lies on none."""
    on_mesh = isinstance(a, jax.Array) and not isinstance(a, Tracer) and isinstance(a.sharding, NamedSharding)
    return np.asarray(a) if on_mesh else a
