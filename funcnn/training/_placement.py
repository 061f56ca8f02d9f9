"""Where arrays lie on a mesh of devices: whole on each of them, or divided between them."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .._core import PyTree
from .._paths import dotted, paths
from ._mesh import axes_of, divides, names_of, parts, require_mesh
from ._once import once

T = TypeVar("T")
Shape = tuple[int, ...]
Spec = PartitionSpec | Callable[[Shape, Mesh], PartitionSpec]
Placement = tuple[tuple[str, Spec], ...]  # a glob over dotted paths, and how the leaves that it names are divided
Sharding = Placement | Sequence[Placement]


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

    Raises:
      TypeError, ValueError: an argument is not as described.

    Example:
      >>> mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
      >>> place(jnp.ones((3, 8)), mesh, fsdp(min_size=0)).addressable_shards[0].data.shape
      (3, 2)

    Source:
      Rajbhandari et al., "ZeRO: memory optimizations toward training trillion parameter models", 2020. Zhao et al.,
      "PyTorch FSDP", 2023.
    """
    if not all(isinstance(name, str) for name in (axis if isinstance(axis, tuple) else (axis,))):
        raise TypeError(f"fsdp: axis must be a mesh axis's name, or a tuple of them, got {axis!r}")
    if isinstance(min_size, bool) or not isinstance(min_size, int) or min_size < 0:
        raise ValueError(f"min_size must be a number of elements, at least 0, got {min_size!r}")

    def along_largest(shape: Shape, mesh: Mesh) -> PartitionSpec:
        fits = [i for i, size in enumerate(shape) if size and divides(mesh, axis, size)]
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
      TypeError: specs is not a dict, a glob is not a string, or what it stands for not a `jax.sharding.PartitionSpec`.

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
    if not isinstance(specs, Mapping):
        raise TypeError(
            f"tensor_parallel: specs must be a dict from globs to PartitionSpecs, got {type(specs).__name__}"
        )
    paths(*specs)
    for glob, spec in specs.items():
        if not isinstance(spec, PartitionSpec):
            raise TypeError(f"tensor_parallel: {glob!r} must stand for a PartitionSpec, got {spec!r}")
    return tuple(specs.items())


def place(tree: T | Callable[[], T], mesh: Mesh, sharding: Sharding | None = None) -> T:
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
    return jax.tree.map(put, tree, shardings(tree, mesh, sharding))


def shardings(tree: PyTree, mesh: Mesh, sharding: Sharding | None) -> PyTree:
    """For each leaf of a state, or of any tree, its `NamedSharding`."""
    require_mesh(mesh)
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
    names = [name for entry in spec for name in names_of(entry)]
    told = f"of shape {list(shape)} cannot be divided by {spec}"
    if unknown := [name for name in names if name not in mesh.shape]:
        yield f"{told}: the mesh has no axis {unknown[0]!r}, but {axes_of(mesh)}"
    elif len(set(names)) < len(names):
        yield f"{told}: a mesh axis may divide one of its axes only"
    elif len(spec) > len(shape):
        yield f"{told}: it has {len(shape)} axes, the spec {len(spec)}"
    else:
        for i, entry in enumerate(spec):
            if not divides(mesh, entry, shape[i]):
                yield f"{told}: {shape[i]} along axis {i} is not a multiple of {parts(mesh, entry)}, mesh axis {entry!r}"


def _parts_of(path) -> tuple[str, ...]:
    return tuple(dotted((key,)) for key in path)


def put(a: Any, sharding: jax.sharding.Sharding) -> jax.Array:
    """A new array of these values there, also if that is across several processes."""
    if isinstance(a, jax.Array) and not a.is_fully_addressable:
        return _copying_to(sharding)(a)
    if sharding.is_fully_addressable:
        return jax.device_put(jnp.array(a), sharding)  # a copy: device_put itself shares the memory of what is there
    if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(put(jax.random.key_data(a), sharding), impl=jax.random.key_impl(a))
    values = np.array(a)
    return jax.make_array_from_callback(values.shape, sharding, values.__getitem__)


@once
def _copying_to(sharding):
    """A function that makes copies there, compiled once for each shape."""
    return jax.jit(partial(jnp.array, copy=True), out_shardings=sharding)
