"""What a step minimises, the loss of a model, and what it measures beside it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from .._core import Layer, Params, PyTree, as_layer
from ._metrics import Metric, Sums, named, ratio, weighted, wide
from ._probes import is_mark

Batch = tuple[Any, ...]
Values = dict[str, PyTree]
Loss = Callable[..., Any]
Metrics = tuple[tuple[str, Metric | Callable[..., tuple[Any, Any]]], ...]


@dataclass(frozen=True)
class Objective:
    """A model's loss on a batch, and the sums of what is measured.

    A batch's loss is weighted by the number of its examples, so that an epoch's result is the weighted mean of its batches'
    losses.

    Attributes:
      model: gives the prediction.
      loss: ``loss(params, prediction, *targets) -> (value, besides)``, of `as_loss`.
      metrics: by name.
    """

    model: Layer
    loss: Callable[..., tuple[jax.Array, dict[str, jax.Array]]]
    metrics: dict[str, Metric]

    def __call__(self, params: Params, batch: Batch, key: jax.Array | None) -> tuple[jax.Array, Any]:
        """The loss, and what `sums` needs beside it; in training with a key."""
        inputs, *targets = batch
        prediction = self.model.apply(params, inputs, key=key, training=key is not None)
        value, besides = self.loss(params, prediction, *targets)
        return value, (prediction, besides)

    def sums(self, value: jax.Array, others: Any, batch: Batch) -> dict[str, Sums]:
        """Those of the loss, of what it returned besides, and of the metrics."""
        (prediction, besides), (_, *targets) = others, batch
        if doubled := besides.keys() & {"loss", *self.metrics}:
            raise ValueError(f"loss must not return another {', '.join(sorted(doubled))}")
        sums = {name: metric.measure(prediction, *targets) for name, metric in self.metrics.items()}
        return wide(sums | {name: weighted(a, _examples(batch)) for name, a in (besides | {"loss": value}).items()})

    def measure(self, params: Params, batch: Batch, key: jax.Array | None = None) -> dict[str, Sums]:
        """The sums of a batch, by a forward pass."""
        value, others = self(params, batch, key)
        return self.sums(value, others, batch)

    def value(self, sums: dict[str, Sums]) -> Values:
        """What the sums stand for."""
        of = lambda name, a: a if is_mark(name) else ratio(a)
        return {name: self.metrics[name].value(a) if name in self.metrics else of(name, a) for name, a in sums.items()}


def objective_of(model: Layer, loss: Loss, metrics: Metrics = ()) -> Objective:
    """The objective of what a user gives."""
    return Objective(as_layer(model), as_loss(loss), {name: named(name, metric) for name, metric in metrics})


def as_loss(loss: Loss) -> Callable[..., tuple[jax.Array, dict[str, jax.Array]]]:
    """A function ``(params, prediction, *targets) -> (value, besides)`` of what a user's loss may take and return."""
    if not callable(loss):
        raise TypeError(f"loss must be a function (prediction, *targets) -> scalar, got {type(loss).__name__}")
    takes_params = "params" in _arguments(loss)

    def whole(params, prediction, *targets):
        returned = loss(prediction, *targets, **({"params": params} if takes_params else {}))
        value: Any = returned
        besides: Any = {}
        if isinstance(returned, tuple) and len(returned) == 2:
            value, besides = returned
        if not isinstance(besides, dict):
            raise TypeError(f"loss must return a scalar, or a scalar and a dict of scalars, got {besides!r} beside it")
        require_scalar("loss", value)
        for name, a in besides.items():
            require_scalar(f"the loss's {name}", a)
        return value, besides

    return whole


def _arguments(function):
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # of what C wrote
        return ()


def _examples(batch) -> int:
    """How many examples a batch has along its first axis; one without axes is one."""
    return next((leaf.shape[0] for leaf in jax.tree.leaves(batch) if leaf.shape), 1)


def require_scalar(what: str, value) -> None:
    """Raise unless a value is one floating-point number."""
    if not hasattr(value, "shape") or not jnp.issubdtype(value.dtype, jnp.floating):
        raise TypeError(f"{what} must return a floating-point scalar, got {value!r}")
    if value.shape != ():
        raise ValueError(f"{what} must return a scalar, got {value.dtype}{list(value.shape)}: take its mean or its sum")
