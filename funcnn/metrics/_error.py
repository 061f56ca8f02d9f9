"""How far predicted numbers are from the targets."""

from functools import partial

import jax.numpy as jnp
from jax import Array

from .._arrays import of_arrays
from .._reduction import reduced
from ..rules._common._checks import shapes
from ..training._metrics import Metric, wide
from ..training._once import once
from ._reading import Counts


@of_arrays
def mean_squared_error(prediction: Array, target: Array, weight: Array | None = None) -> Counts:
    """The sum of the squared differences, ``[...]`` of both, and their number; or of the weights.

    Example:
      >>> total, of = metrics.mean_squared_error(jnp.array([1.0, 2.0]), jnp.array([1.0, 4.0]))
      >>> float(total), float(of)
      (4.0, 2.0)
    """
    return _summed("mean_squared_error", jnp.square, prediction, target, weight)


@of_arrays
def mean_absolute_error(prediction: Array, target: Array, weight: Array | None = None) -> Counts:
    """The sum of the absolute differences, ``[...]`` of both, and their number; or of the weights.

    Example:
      >>> total, of = metrics.mean_absolute_error(jnp.array([1.0, 2.0]), jnp.array([1.0, 4.0]))
      >>> float(total), float(of)
      (2.0, 2.0)
    """
    return _summed("mean_absolute_error", jnp.abs, prediction, target, weight)


def _summed(metric, size, prediction, target, weight):
    shapes(metric, prediction=(prediction, "*shape"), target=(target, "*shape"))

    def each(prediction, target):
        error = size(prediction - target)
        return error, jnp.ones_like(error)

    return reduced(each, wide((prediction, target)), weight, "sum")


@once
def r2() -> Metric:
    """The metric of the share of the targets' variance that is explained, R², the mean over the outputs.

    Prediction and target are ``[...]``, or ``[..., outputs]`` of two axes or more. The result is 1 minus the squared
    error over the squared distance from the targets' mean. Targets that are all equal have 1 if they are predicted
    exactly, otherwise 0.

    The distance is the difference of two sums. In float32 its relative error is about 1e-7 · (1 + mean²/variance), so
    targets far from 0 are to be standardised.

    Example:
      >>> metric = metrics.r2()
      >>> float(metric.value(metric.measure(jnp.array([1.0, 2.0, 4.0]), jnp.array([1.0, 2.0, 3.0]))))
      0.5
    """
    return Metric(_moments, _explained)


@partial(of_arrays, name="r2")
def _moments(prediction: Array, target: Array, weight: Array | None = None) -> tuple[Array, ...]:
    """Sums of the weights, the targets, their squares and the squared errors, for each output."""
    shapes("r2", prediction=(prediction, "*shape"), target=(target, "*shape"))

    def each(prediction, target):
        return jnp.ones_like(target), target, target**2, (prediction - target) ** 2

    terms = reduced(each, wide((prediction, target)), weight, "none")
    axes = tuple(range(max(1, target.ndim - 1)))
    return tuple(jnp.sum(a, axis=axes) for a in terms)


def _explained(sums: tuple[Array, ...]) -> Array:
    count, total, squares, errors = sums
    distance = squares - total**2 / count
    exact = (errors == 0).astype(errors.dtype)
    return jnp.mean(jnp.where(distance > 0, 1 - errors / jnp.where(distance > 0, distance, 1), exact))
