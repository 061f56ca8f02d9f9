"""A module of another library as a layer, whose running statistics are parameters that are measured, not learned.

Beside its init, a module is described by two functions:

- ``run(learned, statistics, x, key, training) -> y``,
- ``measure(learned, statistics, x) -> statistics``, those that the whole of x has, each batch norm in training.
"""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .._calibration import meet
from .._core import Layer, Params, PyTree

_FLAGS = {  # what modules call the flag of training, and what it is while training
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
    "inference": False,
}


def layer_of(
    name: str,
    init: Callable[[Any, PyTree], tuple[Params, PyTree]],
    run: Callable[..., PyTree],
    measure: Callable[[Params, PyTree, PyTree], PyTree],
) -> Layer:
    """The layer with parameters ``{"params", "statistics"}``, or those that are learned alone where there are no others."""

    def init_all(key, x):
        return joined(*init(key, x))

    def apply(params, x, *, key=None, training=False):
        learned, statistics = parted(params)
        if statistics is not None and not training:
            meet(params, x, measured)
        return run(learned, statistics, x, key, training)

    def measured(params, batches):
        learned, statistics = parted(params)
        if statistics is None:
            return params
        return joined(learned, measure(learned, statistics, _concatenated(batches)))

    def calibrate(params, batches):
        params = measured(params, batches)
        return params, [apply(params, x) for x in batches]

    return Layer(init_all, apply, calibrate, call=name)


def joined(learned: Params, statistics: PyTree) -> Params:
    """The layer's parameters."""
    return {"params": learned, "statistics": statistics} if jax.tree.leaves(statistics) else learned


def parted(params: Params) -> tuple[Params, PyTree]:
    """What is learned, and the statistics; None where there are no statistics."""
    if isinstance(params, dict) and params.keys() == {"params", "statistics"}:
        return params["params"], params["statistics"]
    return params, None


def flags_of(f: Callable[..., Any]) -> Callable[[bool], dict[str, bool]]:
    """From whether it is training, the arguments that say so to a function that names them as the field does."""
    names = [name for name in inspect.signature(f).parameters if name in _FLAGS]
    return lambda training: {name: _FLAGS[name] == training for name in names}


def values_like(x: PyTree) -> PyTree:
    """Arrays such as x: x itself, and zeros in place of a `jax.ShapeDtypeStruct`."""
    return jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype) if isinstance(a, jax.ShapeDtypeStruct) else a, x)


def as_floating(tree: PyTree) -> PyTree:
    """The tree with counters and flags as float32: what is among the parameters has a gradient, if it is 0."""
    return jax.tree.map(lambda a: a if jnp.issubdtype(a.dtype, jnp.inexact) else a.astype(jnp.float32), tree)


def as_typed(tree: PyTree, like: PyTree) -> PyTree:
    """The tree with the dtypes of another."""
    return jax.tree.map(lambda a, b: a.astype(b.dtype), tree, like)


def _concatenated(batches):
    return jax.tree.map(lambda *parts: jnp.concatenate(parts), *batches)
