"""A step whose state lies on a mesh: parameters gathered where they are used, and everything left where it lay.

Left to itself, the compiler may as well gather the batch and divide the arithmetic by the parameters. So what divides the
batch is said once, at the model's inputs and outputs, and the parameters are whole in between.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jax.sharding import AbstractMesh, Mesh, NamedSharding, PartitionSpec

from .._core import Layer, PyTree, as_layer
from ._mesh import BATCH_AXES, is_explicit, names_of, rows_spec
from ._once import once


@dataclass(frozen=True)
class Places:
    """Where the leaves of a tree lie, hashable: None for those that lie on no mesh."""

    structure: Any
    leaves: tuple[NamedSharding | None, ...]

    @property
    def mesh(self) -> Mesh | AbstractMesh:
        """The mesh on which the first of them lies."""
        return next(place.mesh for place in self.leaves if place is not None)

    @property
    def params(self) -> "Places":
        """Those of a state's parameters, which come first in it."""
        structure = self.structure.children()[0]
        return Places(structure, self.leaves[: structure.num_leaves])

    def map(self, function: Callable[[Any, NamedSharding], Any], tree: PyTree) -> PyTree:
        """The tree with the function of each leaf and its place; leaves without one stay."""
        leaves = zip(self.structure.flatten_up_to(tree), self.leaves, strict=True)
        return self.structure.unflatten([a if place is None else function(a, place) for a, place in leaves])


def places_of(tree: PyTree) -> Places | None:
    """Where concrete arrays lie; None if that is not a mesh of several devices."""
    if jax.device_count() == 1:  # found out sooner than a tree is flattened, in a loop of short steps
        return None
    leaves, structure = jax.tree.flatten(tree)
    if not leaves or isinstance(leaves[0], Tracer) or _place(leaves[0]) is None:
        return None
    return Places(structure, tuple(map(_place, leaves)))


def on_its_mesh(model: Layer, params: PyTree) -> Layer:
    """The model for parameters that lie where these do: itself, unless that is a mesh of several devices."""
    places = places_of(params)
    return as_layer(model) if places is None else gathering(as_layer(model), places)


@once
def gathering(model: Layer, places: Places) -> Layer:
    """The model for parameters of these places: its examples divided over the mesh, its parameters whole.

    Gathered are the axes of parameters that the mesh's axes for batches divide. Those that others divide, for tensor
    parallelism, stay divided on a mesh whose axes are Auto. An Explicit one has each operation say how its result is
    divided, so there they are gathered too. What is gathered is not saved for the backward pass, but gathered again.
    """
    rows = partial(jax.tree.map, partial(_by_rows, places.mesh))

    def apply(params, x, **options):
        on_whole = lambda params, x: model.apply(places.map(_gathered, params), x, **options)
        return rows(jax.checkpoint(on_whole, policy=_is_computed)(params, rows(x)))

    return model._replace(apply=apply)


def in_place(take: Callable[..., Any], places: Places) -> Callable[..., Any]:
    """The function ``take(state, batch) -> (state, sums)`` for a state of these places, which leaves it in them.

    The sums are whole on every device.
    """
    everywhere = NamedSharding(places.mesh, PartitionSpec())

    def placed(state, batch):
        state, sums = take(state, jax.tree.map(partial(_by_rows, places.mesh), batch))
        return places.map(_put, state), jax.tree.map(lambda a: _put(a, everywhere), sums)

    return placed


def _place(a) -> NamedSharding | None:
    place = getattr(a, "sharding", None)
    return place if isinstance(place, NamedSharding) and place.num_devices > 1 else None


def _by_rows(mesh, a):
    """An array divided along its first axis over the mesh's axes for batches, if they divide it; else whole."""
    return _put(a, NamedSharding(mesh, rows_spec(mesh, len(a)) if np.ndim(a) else PartitionSpec()))


def _gathered(a, place):
    gathered = place.mesh.axis_names if is_explicit(place.mesh) else BATCH_AXES
    kept = lambda entry: tuple(name for name in names_of(entry) if name not in gathered) or None
    whole = NamedSharding(place.mesh, PartitionSpec(*map(kept, place.spec)))
    return a if whole.is_equivalent_to(place, np.ndim(a)) else _gather(a, whole, place)


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def _gather(a, whole, divided):
    """The array gathered; its gradient is summed over the devices and divided again."""
    del divided
    return _put(a, whole)


_gather.defvjp(
    lambda a, whole, divided: (_put(a, whole), None),
    lambda whole, divided, _, a_bar: (_put(a_bar, divided),),
)


def _is_computed(primitive, *_, **__) -> bool:
    """Whether the result of an operation may be saved for the backward pass: not if it only lies elsewhere."""
    return primitive.name not in ("sharding_constraint", "reshard")


def _put(a, place):
    return (jax.sharding.reshard if is_explicit(place.mesh) else jax.lax.with_sharding_constraint)(a, place)
