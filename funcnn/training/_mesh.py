"""Training on a mesh of devices whose axes are Explicit, JAX's default: there every array's type says how it is divided."""

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
from jax.core import Tracer
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

from .._core import PyTree

BATCH_AXES = "replica", "data"  # the axes of a mesh over which batches are divided


def explicit_mesh(tree: PyTree) -> Mesh | None:
    """The Explicit mesh that arrays of a tree lie on; None if they lie on no such mesh."""
    shardings = (leaf.sharding for leaf in jax.tree.leaves(tree) if isinstance(leaf, jax.Array))
    meshes = (s.mesh for s in shardings if isinstance(s, NamedSharding) and is_explicit(s.mesh))
    return next((mesh for mesh in meshes if isinstance(mesh, Mesh)), None)


def is_explicit(mesh: Mesh | AbstractMesh) -> bool:
    """Whether arrays' types say how an axis of the mesh divides them."""
    return AxisType.Explicit in mesh.axis_types


def on_mesh(mesh: Mesh | None, tree: PyTree) -> PyTree:
    """The tree with every array on the mesh: those that lie on no mesh, once on each of its devices."""
    if mesh is None:
        return tree
    everywhere = NamedSharding(mesh, PartitionSpec())
    lies_there = lambda a: isinstance(a, jax.Array) and not jax.typeof(a).sharding.mesh.empty
    return jax.tree.map(lambda a: a if lies_there(a) else jax.device_put(a, everywhere), tree)


def inside(mesh: Mesh | None) -> AbstractContextManager[Any]:
    """The context of an Explicit mesh, which JAX's gradients of what lies on it need."""
    return nullcontext() if mesh is None or not is_explicit(mesh) else jax.set_mesh(mesh)


def divided_alike(a: jax.Array, n: int) -> NamedSharding | None:
    """As ``out_sharding=``, for n rows of an array on an Explicit mesh: divided as it is, if n can be; elsewhere None."""
    mesh, spec = jax.typeof(a).sharding.mesh, jax.typeof(a).sharding.spec
    if not is_explicit(mesh):
        return None
    along_rows, *others = spec
    return NamedSharding(mesh, PartitionSpec(along_rows if divides(mesh, along_rows, n) else None, *others))


def settled(results: PyTree) -> PyTree:
    """The results, waited for if they lie on several devices of a CPU.

    There the collectives of two steps under way at once may wait for each other's threads for ever.
    """
    if jax.device_count() == 1:  # found out sooner than a tree is flattened, in a loop of short steps
        return results
    last = jax.tree.leaves(results)[-1]
    if isinstance(last, Tracer) or len(last.sharding.device_set) == 1 or jax.default_backend() != "cpu":
        return results
    return jax.block_until_ready(results)


def batch_axes(mesh: Mesh) -> str | tuple[str, ...]:
    """The axes of a mesh over which batches are divided, as one entry of a spec.

    Raises:
      TypeError: it is not a mesh.
      ValueError: it has no such axis.
    """
    require_mesh(mesh)
    axes = tuple(name for name in BATCH_AXES if name in mesh.shape)
    if not axes:
        raise ValueError(
            f"mesh must have an axis 'data', over which batches are divided, got {axes_of(mesh)}: for tensor parallelism "
            "alone one of size 1"
        )
    first, *others = axes
    return axes if others else first


def rows_spec(mesh: Mesh | AbstractMesh, examples: int) -> PartitionSpec:
    """How so many examples lie: divided over the mesh's axes for batches if these divide them, else whole."""
    axes = tuple(name for name in BATCH_AXES if name in mesh.shape)
    return PartitionSpec(axes) if axes and divides(mesh, axes, examples) else PartitionSpec()


def divides(mesh: Mesh | AbstractMesh, entry: Any, size: int) -> bool:
    """Whether the mesh's axes in an entry of a spec divide an axis of that size."""
    return size % parts(mesh, entry) == 0


def parts(mesh: Mesh | AbstractMesh, entry: Any) -> int:
    """Over how many devices one entry of a spec divides an axis."""
    for name in names_of(entry):
        if name not in mesh.shape:
            raise ValueError(f"the mesh has no axis {name!r}, but {axes_of(mesh)}")
    return math.prod(mesh.shape[name] for name in names_of(entry))


def names_of(entry: Any) -> tuple[str, ...]:
    """The mesh's axes in one entry of a spec."""
    return () if entry is None else (entry,) if isinstance(entry, str) else tuple(entry)


def axes_of(mesh: Mesh | AbstractMesh) -> str:
    """The mesh's axes, in words."""
    return ", ".join(f"{name}={size}" for name, size in mesh.shape.items())


def require_mesh(mesh: Any) -> None:
    """Raise TypeError unless it is a mesh."""
    if not isinstance(mesh, Mesh):
        raise TypeError(f"mesh must be a jax.sharding.Mesh, got {type(mesh).__name__}: jax.make_mesh((8,), ('data',))")
