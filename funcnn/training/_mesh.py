"""Training on a mesh of devices whose axes are Explicit, JAX's default: there every array's type says how it is divided."""

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
from jax.core import Tracer
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from .._core import PyTree


def explicit_mesh(tree: PyTree) -> Mesh | None:
    """The Explicit mesh that arrays of a tree lie on; None if they lie on no such mesh."""
    shardings = (leaf.sharding for leaf in jax.tree.leaves(tree) if isinstance(leaf, jax.Array))
    meshes = (s.mesh for s in shardings if isinstance(s, NamedSharding) and AxisType.Explicit in s.mesh.axis_types)
    return next((mesh for mesh in meshes if isinstance(mesh, Mesh)), None)


def on_mesh(mesh: Mesh | None, tree: PyTree) -> PyTree:
    """The tree with every array on the mesh: those that lie on no mesh, once on each of its devices."""
    if mesh is None:
        return tree
    everywhere = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(lambda a: jax.device_put(a, everywhere) if jax.typeof(a).sharding.mesh.empty else a, tree)


def inside(mesh: Mesh | None) -> AbstractContextManager[Any]:
    """The context of the mesh, which JAX's gradients of what lies on it need."""
    return nullcontext() if mesh is None else jax.set_mesh(mesh)


def divided_alike(a: jax.Array, n: int) -> NamedSharding | None:
    """As ``out_sharding=``, for n rows of an array on an Explicit mesh: divided as it is, if n can be; elsewhere None."""
    mesh, spec = jax.typeof(a).sharding.mesh, jax.typeof(a).sharding.spec
    if AxisType.Explicit not in mesh.axis_types:
        return None
    along_rows, *others = spec
    names = () if along_rows is None else (along_rows,) if isinstance(along_rows, str) else along_rows
    divides = n % math.prod(mesh.shape[name] for name in names) == 0
    return NamedSharding(mesh, PartitionSpec(along_rows if divides else None, *others))


def settled(results: PyTree) -> PyTree:
    """The results, waited for if they lie on several devices of a CPU.

    There the collectives of two steps under way at once may wait for each other's threads for ever.
    """
    last = jax.tree.leaves(results)[-1]
    if isinstance(last, Tracer) or len(last.sharding.device_set) == 1 or jax.default_backend() != "cpu":
        return results
    return jax.block_until_ready(results)
