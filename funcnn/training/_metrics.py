"""What is measured in training: sums that add up over batches, and the result that their total stands for."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._core import PyTree
from ..rules._common._checks import describe
from ._noted import noted

_TAKEN = {"step", "epoch", "loss", "gradient_norm", "learning_rate", "seconds", "examples_per_second"}
Sums = PyTree  # of arrays, float32 or wider


class Metric(NamedTuple):
    """A pair of pure functions: what is added up over the batches of an epoch, and the result.

    Attributes:
      measure: ``measure(prediction, *targets) -> sums``, a pytree of arrays whose shapes do not depend on the batch.
      value: ``value(sums) -> result``, of one batch's sums or of the total over many.
    """

    measure: Callable[..., Sums]
    value: Callable[[Sums], PyTree]


def as_metric(metric: Metric | Callable[..., tuple[Any, Any]]) -> Metric:
    """The metric itself, or a plain function to ``(sum, weight)`` as the metric whose result is their ratio.

    Raises:
      TypeError: for anything else, such as a function that makes a metric and was not called.
    """
    if isinstance(metric, Metric):
        return metric
    if getattr(metric, "__annotations__", {}).get("return") in (Metric, "Metric"):
        name = getattr(metric, "__name__", type(metric).__name__)
        raise TypeError(f"{name} makes a metric: call it, as in {name}()")
    if not callable(metric):
        raise TypeError(f"a metric must be a Metric or a function to (sum, weight), got {type(metric).__name__}")
    return Metric(metric, ratio)


def named(name: str, metric: Any) -> Metric:
    """The metric, whose errors say that it is the one of that name."""
    note = noted(f"This was metric {name!r}.")
    return Metric(*map(note, note(as_metric)(metric)))


def as_metrics(metrics: Mapping[str, Any] | None) -> tuple[tuple[str, Any], ...]:
    """Metrics by name as pairs, which can be a key.

    Raises:
      TypeError: they are not a mapping of names to metrics.
      ValueError: a name is that of another column of the history.
    """
    if metrics is None:
        return ()
    if not isinstance(metrics, Mapping):
        raise TypeError(f'metrics must be a dict such as {{"accuracy": accuracy}}, got {type(metrics).__name__}')
    for name, metric in metrics.items():
        named(name, metric)
        if name in _TAKEN or not isinstance(name, str) or name.startswith("val_"):
            raise ValueError(f"metrics must have names that the history has not, got {name!r}")
    return tuple(metrics.items())


def ratio(sums: tuple[jax.Array, jax.Array]) -> jax.Array:
    """The sum divided by the weight.

    Raises:
      TypeError: there are not these two.
    """
    if not isinstance(sums, (tuple, list)) or len(sums) != 2:
        raise TypeError(
            f"a metric must return (sum, weight), got {describe(sums)}: losses return a mean, metrics do not"
        )
    total, weight = sums
    return total / weight.astype(total.dtype)


def weighted(value: jax.Array, weight: int) -> Sums:
    """The sums of which `ratio` is the value, for a batch of that weight."""
    return wide(value) * weight, wide(weight)


def wide(sums: PyTree) -> Sums:
    """Every array as float32 or wider, so that a long sum keeps its digits."""

    def widen(a):
        a = jnp.asarray(a)
        enough = jnp.issubdtype(a.dtype, jnp.inexact) and a.dtype.itemsize >= 4
        return a if enough else a.astype(jnp.float32)

    return jax.tree.map(widen, sums)
