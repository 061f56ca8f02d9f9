"""Where arrays lie on a mesh of devices: whole on each of them, or divided between them."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .._core import PyTree
from .._paths import dotted, paths

Shape = tuple[int, ...]
Spec = PartitionSpec | Callable[[Shape, Mesh], PartitionSpec]
Placement = tuple[tuple[str, Spec], ...]  # a glob over dotted paths, and how the leaves that it names are divided
Sharding = Placement | Sequence[Placement]

BATCH_AXES = "replica", "data"  # the axes of a mesh over which batches are divided


def replicated() -> Placement:
    """Every array whole on every device.

    Example:
      >>> mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
      >>> place(jnp.ones((8, 3)), mesh, replicated()).addressable_shards[0].data.shape
      (8, 3)
    """
    return (("**", PartitionSpec()),)


def fsdp(axis: str | tuple[str, ...] = "data", min_size: int = 2**16) -> Placement:
    """Fully sharded data parallelism: each array divided along the largest of its axes that the mesh axis divides.

    A device holds its part of the parameters and of the optimizer's state. Each step gathers a parameter where it is used,
    and the gradient is summed over the devices.

    Args:
      axis: the mesh axis, or several of them, over which parameters are divided.
      min_size: arrays of fewer elements stay whole on every device, as do those of which no axis can be divided. Gathering
        a small array costs a message and saves next to nothing.

    Example:
      >>> mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
      >>> place(jnp.ones((3, 8)), mesh, fsdp(min_size=0)).addressable_shards[0].data.shape
      (3, 2)

    Source:
      Rajbhandari et al., "ZeRO: memory optimizations toward training trillion parameter models", 2020. Zhao et al.,
      "PyTorch FSDP", 2023.
    """
    if isinstance(min_size, bool) or not isinstance(min_size, int) or min_size < 0:
        raise ValueError(f"min_size must be a number of elements, at least 0, got {min_size!r}")

    def along_largest(shape: Shape, mesh: Mesh) -> PartitionSpec:
        fits = [i for i, size in enumerate(shape) if size and size % _parts(mesh, axis) == 0]
        if not fits or math.prod(shape) < min_size:
            return PartitionSpec()
        largest = max(fits, key=lambda i: shape[i])
        return PartitionSpec(*(axis if i == largest else None for i in range(len(shape))))

    return (("**", along_largest),)


def tensor_parallel(specs: Mapping[str, PartitionSpec]) -> Placement:
    """Arrays divided as said, by the paths of the parameters; first match wins.

    Args:
      specs: for each glob of `paths` how the parameters that it names are divided:
        ``{"**.up.w": P(None, "model"), "**.down.w": P("model", None)}``. What no glob names stays whole. `fsdp` divides it
        in a list of both: ``[tensor_parallel({…}), fsdp()]``.

    Raises:
      TypeError: a glob is not a string, or what it stands for not a `jax.sharding.PartitionSpec`.

    Example:
      >>> P = jax.sharding.PartitionSpec
      >>> mesh = jax.make_mesh((2, 4), ("data", "model"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
      >>> params = {"up": {"w": jnp.ones((3, 8)), "b": jnp.ones(8)}}
      >>> placed = place(params, mesh, tensor_parallel({"up.w": P(None, "model")}))
      >>> placed["up"]["w"].addressable_shards[0].data.shape
      (3, 2)

    Source:
      Shoeybi et al., "Megatron-LM", 2019.
    """
    paths(*specs)
    for glob, spec in specs.items():
        if not isinstance(spec, PartitionSpec):
            raise TypeError(f"tensor_parallel: {glob!r} must stand for a PartitionSpec, got {spec!r}")
    return tuple(specs.items())


def place(tree: Any, mesh: Mesh, sharding: Sharding | None = None) -> Any:
    """A training state, or any tree of arrays, on a mesh.

    The arrays are new ones: a step that takes over their memory leaves those that were handed in as they are. In several
    processes each hands in the same values, and the arrays lie across all of them.

    Args:
      tree: a `TrainState` or a tree of arrays. Or a function of no arguments that makes one: it runs compiled, so that no
        device ever holds more than its part.
      mesh: a `jax.sharding.Mesh`, with axes that are Auto or Explicit.
      sharding: `fsdp`, `tensor_parallel`, `replicated`, or a list of these of which the first that names a leaf wins. None
        is `replicated`. Globs are matched with the paths of the parameters. The optimizer's state follows them: a leaf
        that has a parameter's shape, and its path as the end of its own, is divided as that parameter is.

    Returns:
      The same tree, of arrays on the mesh.

    Raises:
      TypeError: mesh or sharding is not as described.
      ValueError: a spec does not fit a leaf or the mesh, or a glob names no parameter. All that do not are named.

    Example:
      >>> mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
      >>> model, optimizer, x = linear(8), optax.adam(1e-3), jnp.ones((4, 16))
      >>> state = place(TrainState.create(model, optimizer, jax.random.key(0), x), mesh, fsdp(min_size=0))
      >>> [a.addressable_shards[0].data.shape for a in (state.params["w"], state.opt_state[0].mu["w"])]
      [(4, 8), (4, 8)]
    """
    if callable(tree):
        return jax.jit(tree, out_shardings=shardings(jax.eval_shape(tree), mesh, sharding))()
    return jax.tree.map(_put, tree, shardings(tree, mesh, sharding))


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

    def put(path, a):
        require_divided(f"batch.{dotted(path)}" if path else "batch", np.shape(a)[0] * processes, mesh)
        if processes == 1:
            return jax.device_put(a, rows)
        return jax.make_array_from_process_local_data(rows, np.asarray(a))

    return jax.tree_util.tree_map_with_path(put, batch)


def batch_axes(mesh: Mesh) -> str | tuple[str, ...]:
    """The axes of a mesh over which batches are divided, as one entry of a spec.

    Raises:
      TypeError: it is not a mesh.
      ValueError: it has no such axis.
    """
    _require_mesh(mesh)
    axes = tuple(name for name in BATCH_AXES if name in mesh.shape)
    if not axes:
        raise ValueError(
            f"mesh must have an axis 'data', over which batches are divided, got {_axes(mesh)}: for tensor parallelism "
            "alone one of size 1"
        )
    first, *others = axes
    return axes if others else first


def require_divided(what: str, examples: int, mesh: Mesh) -> None:
    """Raise ValueError unless so many examples divide over the mesh."""
    parts = _parts(mesh, batch_axes(mesh))
    if examples % parts:
        raise ValueError(f"{what} must have a multiple of {parts} examples on a mesh of {_axes(mesh)}, got {examples}")


def shardings(tree: PyTree, mesh: Mesh, sharding: Sharding | None) -> PyTree:
    """For each leaf of a state, or of any tree, its `NamedSharding`."""
    _require_mesh(mesh)
    placement = as_placement(sharding)
    leaves = jax.tree_util.tree_leaves_with_path(getattr(tree, "params", tree))
    named = {_parts_of(path): (np.shape(leaf), _spec(placement, path, np.shape(leaf), mesh)) for path, leaf in leaves}
    _require_named(placement, leaves)
    faults = [f"{'.'.join(path)}: {why}" for path, leaf in named.items() for why in _faults(*leaf, mesh)]
    if faults:
        raise ValueError("sharding must fit the parameters and the mesh: " + "; ".join(faults))

    def of_leaf(path, leaf):
        parts = _parts_of(path)
        ends = (named.get(parts[i:]) for i in range(len(parts) + 1))  # the longest first
        spec = next((spec for shape, spec in filter(None, ends) if shape == np.shape(leaf)), PartitionSpec())
        return NamedSharding(mesh, spec)

    return jax.tree_util.tree_map_with_path(of_leaf, tree)


def as_placement(sharding: Any) -> Placement:
    """One placement of what ``sharding=`` takes: None, a placement, or a list of them.

    Raises:
      TypeError: for anything else.
    """
    placements = sharding if isinstance(sharding, list) else [replicated() if sharding is None else sharding]
    if not all(isinstance(placement, tuple) and all(map(_is_rule, placement)) for placement in placements):
        raise TypeError(f"sharding must be fn.fsdp(), fn.tensor_parallel({{…}}) or a list of such, got {sharding!r}")
    return tuple(chain.from_iterable(placements))


def _is_rule(rule):
    return isinstance(rule, tuple) and len(rule) == 2 and isinstance(rule[0], str)


def _spec(placement, path, shape, mesh):
    first = next((spec for glob, spec in placement if paths(glob).names(dotted(path))), PartitionSpec())
    return first if isinstance(first, PartitionSpec) else first(shape, mesh)


def _require_named(placement, leaves):
    for glob, _ in placement:
        if leaves and not any(paths(glob).names(dotted(path)) for path, _ in leaves):
            known = ", ".join(dotted(path) for path, _ in leaves[:8])
            raise ValueError(f"sharding: {glob!r} must name a parameter, got none of {known}{' …' * (len(leaves) > 8)}")


def _faults(shape, spec, mesh):
    """What forbids to divide such an array so."""
    names = [name for entry in spec for name in _names(entry)]
    told = f"of shape {list(shape)} cannot be divided by {spec}"
    if unknown := [name for name in names if name not in mesh.shape]:
        yield f"{told}: the mesh has no axis {unknown[0]!r}, but {_axes(mesh)}"
    elif len(set(names)) < len(names):
        yield f"{told}: a mesh axis may divide one of its axes only"
    elif len(spec) > len(shape):
        yield f"{told}: it has {len(shape)} axes, the spec {len(spec)}"
    else:
        for i, entry in enumerate(spec):
            if shape[i] % _parts(mesh, entry):
                yield f"{told}: {shape[i]} along axis {i} is not a multiple of {_parts(mesh, entry)}, mesh axis {entry!r}"


def _parts(mesh, entry) -> int:
    """Over how many devices one entry of a spec divides an axis."""
    for name in _names(entry):
        if name not in mesh.shape:
            raise ValueError(f"the mesh has no axis {name!r}, but {_axes(mesh)}")
    return math.prod(mesh.shape[name] for name in _names(entry))


def _names(entry) -> tuple[str, ...]:
    return () if entry is None else (entry,) if isinstance(entry, str) else tuple(entry)


def _parts_of(path) -> tuple[str, ...]:
    return tuple(dotted((key,)) for key in path)


def _axes(mesh) -> str:
    return ", ".join(f"{name}={size}" for name, size in mesh.shape.items())


def _require_mesh(mesh):
    if not isinstance(mesh, Mesh):
        raise TypeError(f"mesh must be a jax.sharding.Mesh, got {type(mesh).__name__}: jax.make_mesh((8,), ('data',))")


def _put(a, sharding):
    """A new array of these values there, also if that is across several processes."""
    if isinstance(a, jax.Array) and not a.is_fully_addressable:
        return jax.jit(partial(jnp.array, copy=True), out_shardings=sharding)(a)
    if sharding.is_fully_addressable:
        return jax.device_put(jnp.array(a), sharding)  # a copy: device_put itself shares the memory of what is there
    if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_put(jax.random.key_data(a), sharding), impl=jax.random.key_impl(a))
    values = np.array(a)
    return jax.make_array_from_callback(values.shape, sharding, values.__getitem__)
