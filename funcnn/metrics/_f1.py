"""Precision, recall and their harmonic mean, from three counts a class."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from .._arrays import of_arrays
from ..rules.losses._labels import onehot
from ..training._metrics import Metric
from ..training._once import once
from ._reading import classes_of, weights_of, yes_or_no


class Counts(NamedTuple):
    """Weights of the examples by what was said of them, a number or ``[classes]``.

    Attributes:
      right: those of the class that were found.
      found: those that were taken for the class.
      there: those of the class.
    """

    right: Array
    found: Array
    there: Array


@once
def precision(average: str = "binary") -> Metric:
    """The metric of how much of what was found is right; 0 where nothing was found.

    Args:
      average: ``"binary"`` asks of logits ``[...]``, or of pairs ``[..., 2]``, for what is above 0, the labels being from 0
        to 1; several labels an example are pooled. ``"macro"`` asks for each class of scores ``[..., classes]``, the labels
        being class numbers or distributions. It averages over the classes that were found or are there.

    Example:
      >>> metric = metrics.precision()
      >>> float(metric.value(metric.measure(jnp.array([1.0, 2.0, -1.0]), jnp.array([1.0, 0.0, 1.0]))))
      0.5

    Source:
      van Rijsbergen, "Information Retrieval", 1979, chapter 7.
    """
    return _metric("precision", average, lambda counts: _share(counts.right, counts.found))


@once
def recall(average: str = "binary") -> Metric:
    """The metric of how much of what is there was found; 0 where nothing is there. The argument is `precision`'s.

    Example:
      >>> metric = metrics.recall()
      >>> float(metric.value(metric.measure(jnp.array([1.0, 2.0, 3.0]), jnp.array([1.0, 0.0, 1.0]))))
      1.0
    """
    return _metric("recall", average, lambda counts: _share(counts.right, counts.there))


@once
def f1(average: str = "binary") -> Metric:
    """The metric of the harmonic mean of precision and recall; the argument is `precision`'s.

    Example:
      >>> metric = metrics.f1(average="macro")
      >>> logits = jnp.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
      >>> round(float(metric.value(metric.measure(logits, jnp.array([0, 1, 1])))), 4)
      0.6667
    """
    return _metric("f1", average, lambda counts: _share(2 * counts.right, counts.found + counts.there))


def _metric(name: str, average: str, score: Callable[[Counts], Array]) -> Metric:
    readings = {"binary": _yes, "macro": _each_class}
    if not isinstance(average, str) or average not in readings:
        raise ValueError(f"{name}: average must be 'binary' or 'macro', got {average!r}")
    read = readings[average]

    @partial(of_arrays, name=name)
    def measure(prediction: Array, labels: Array, weight: Array | None = None) -> Counts:
        found, there = read(name, prediction, labels, weight)
        weights = weights_of(there, weight)
        axes = tuple(range(there.ndim - (average == "macro")))
        return Counts(*(jnp.sum(jnp.where(a, weights, 0), axis=axes) for a in (found & there, found, there)))

    def value(counts: Counts) -> Array:
        met = (counts.found + counts.there > 0).astype(counts.there.dtype)
        return jnp.sum(score(counts) * met) / jnp.maximum(jnp.sum(met), 1)

    return Metric(measure, value)


def _yes(name, prediction, labels, weight):
    score, truth = yes_or_no(name, prediction, labels)
    return score > 0, truth


def _each_class(name, prediction, labels, weight):
    truth = classes_of(name, prediction, labels, weight)
    return onehot(jnp.argmax(prediction, axis=-1), prediction), onehot(truth, prediction)


def _share(part, whole):
    return jnp.where(whole > 0, part / jnp.where(whole > 0, whole, 1), 0)
