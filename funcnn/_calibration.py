"""Parameters that are measured on data: handed from layer to layer, and found inside of layers that know nothing of it."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend.core import get_opaque_trace_state

from ._core import Layer, Params, PyTree, place
from ._paths import dotted
from ._warn import warn

Measure = Callable[[Params, list[PyTree]], Params]
_OWN = {"scale", "shift", "mean", "variance"}  # the parameters of a batch norm
_FOREIGN = {"params", "statistics"}  # those of a module of another library that has running statistics


def run_calibration(layer: Layer, params: Params, batches: list[PyTree]) -> tuple[Params, list[PyTree]]:
    """The layer's calibrate; one without has the batch norms measured that it applies itself.

    Raises:
      ValueError: such a layer has the parameters of a batch norm and does not apply it where it can be seen.
    """
    if layer.calibrate is not None:
        return layer.calibrate(params, batches)
    leaves, tree = jax.tree.flatten(params, is_leaf=_is_measured)
    unmet = [i for i, leaf in enumerate(leaves) if _is_measured(leaf)]
    for i in unmet:
        leaves[i] = jax.tree.map(jnp.array, leaves[i])  # arrays of its own, by which it is known
    while True:  # each batch norm after those before it are measured
        with _seeking({_identity(leaves[i]): i for i in unmet}) as met:
            results = [layer.apply(tree.unflatten(leaves), x) for x in batches]
        if met.index is None:
            break
        leaves[met.index] = met.measure(leaves[met.index], met.inputs)
        unmet.remove(met.index)
    _require_none(unmet, params)
    return tree.unflatten(leaves), results


def meet(params: Params, x: PyTree, measure: Measure) -> None:
    """What a layer with measured parameters calls before it uses them.

    Args:
      params: its parameters.
      x: its input.
      measure: ``measure(params, batches)``, the parameters measured on several inputs.
    """
    if met := _meeting.get():
        met(params, x, measure)
    elif never_measured(params):
        warn_unmeasured([".".join(place.get())])


def while_drawn():
    """Inside of this context no batch norm warns that it was never measured: parameters are being drawn."""
    return _seeking({})


def warn_unmeasured(paths: list[str]) -> None:
    """Warn that the batch norms at these paths have the statistics that they were drawn with."""
    where = f"layer {', '.join(paths)}: " if any(paths) else ""
    warn(
        f"{where}batch_norm was never calibrated, and its value outside of training is meaningless: measure its mean and "
        "variance with params = funcnn.calibrate(model, params, batches)"
    )


@contextmanager
def unmeasured_kept() -> Iterator[None]:
    """Inside of this context `fit` does not warn of statistics that were never measured: its state is not used."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*batch_norm was never calibrated")
        yield


def without_statistics(params: Params) -> Params:
    """The tree of what is learned: without the statistics of each batch norm."""
    learned = lambda node: {name: a for name, a in node.items() if name not in ("mean", "variance", "statistics")}
    return jax.tree.map(lambda node: learned(node) if _is_measured(node) else node, params, is_leaf=_is_measured)


def unmeasured(params: Params) -> list[str]:
    """The paths of all batch norms whose statistics were never measured."""
    found = jax.tree_util.tree_leaves_with_path(params, is_leaf=_is_measured)
    return [dotted(path) for path, leaf in found if _is_measured(leaf) and never_measured(leaf)]


def has_statistics(params: Params) -> bool:
    """Whether there is a batch norm, whose statistics are to be measured."""
    return any(map(_is_measured, jax.tree.leaves(params, is_leaf=_is_measured)))


def never_measured(params: Params) -> bool:
    """Whether every mean is exactly 0 and the variances are all one number: 1, or what weight decay left of it.

    Of another library's statistics, whether each is one number all over, and one of them 0.
    """
    statistics = _statistics(params)
    if any(isinstance(a, Tracer) or not getattr(a, "is_fully_addressable", True) for a in statistics):
        return False
    statistics = [np.asarray(a) for a in statistics]
    if not all(a.size > 0 and (a == a.flat[0]).all() for a in statistics):
        return False
    if params.keys() == _FOREIGN:
        return not all(a.any() for a in statistics)
    mean, variance = statistics
    return not mean.any() and bool(variance.any())


@dataclass
class _Met:
    """The first batch norm that is met of those sought by the identity of a statistic, and everything that reaches it."""

    sought: dict[int, int]  # the index of each
    trace: Any = field(default_factory=get_opaque_trace_state)
    index: int | None = None
    inputs: list[PyTree] = field(default_factory=list)
    measure: Measure = lambda params, batches: params

    def __call__(self, params: Params, x: PyTree, measure: Measure) -> None:
        index = self.sought.get(_identity(params))
        known = get_opaque_trace_state() == self.trace  # inside of a jit, scan or vmap of the layer's, x is not
        if known and index is not None and self.index in {None, index}:
            self.index, self.measure = index, measure
            self.inputs.append(x)


_meeting: ContextVar[_Met | None] = ContextVar("meeting", default=None)


@contextmanager
def _seeking(sought: dict[int, int]) -> Iterator[_Met]:
    token = _meeting.set(met := _Met(sought))
    try:
        yield met
    finally:
        _meeting.reset(token)


def _is_measured(node: Any) -> bool:
    return isinstance(node, dict) and node.keys() in (_OWN, _FOREIGN)


def _statistics(params: Params) -> list[Any]:
    return jax.tree.leaves(params["statistics"]) if params.keys() == _FOREIGN else [params["mean"], params["variance"]]


def _identity(params: Params) -> int:
    return id(_statistics(params)[0])


def _require_none(unmet, params):
    if not unmet:
        return
    paths = [dotted(path) for path, _ in jax.tree_util.tree_leaves_with_path(params, is_leaf=_is_measured)]
    raise ValueError(
        f"calibrate: the batch norm at {', '.join(paths[i] for i in unmet)} was not met: a layer without a calibrate must "
        "apply it outside of training, with the parameters that it got, not inside of jit, scan, vmap or remat; otherwise "
        "write Layer(init, apply, calibrate)"
    )
