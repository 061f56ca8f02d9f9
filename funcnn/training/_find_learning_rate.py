"""At which learning rates the loss falls, found by training a little at rates that grow."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import optax

from .._calibration import unmeasured_kept
from .._core import Layer
from ..rules._common._checks import require_number
from ._data import require_count
from ._faults import NonFiniteError
from ._fit import fit
from ._objective import Loss
from ._watchers import Moment

_DIVERGED = 4.0  # times the lowest loss: from there on higher rates say nothing
_SMOOTH = 0.9  # how much of the running mean each step keeps


class LearningRates(NamedTuple):
    """What `find_learning_rate` found.

    Attributes:
      rates: the rate of each step that was taken, growing by equal factors.
      losses: the loss at each step, smoothed.
      suggestion: the rate at which the loss fell most steeply over the logarithm of the rate; None if it never fell.
    """

    rates: np.ndarray
    losses: np.ndarray
    suggestion: float | None


def find_learning_rate(
    model: Layer,
    loss: Loss,
    optimizer_of_rate: Callable[[Any], optax.GradientTransformation],
    data: Any,
    *,
    key: Any,
    batch_size: int | None = None,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
) -> LearningRates:
    """Train from new parameters while the rate grows from low to high, until the loss is four times its lowest.

    Args:
      model, loss, data, key, batch_size: such as `fit` takes. Batches have to be as many as the steps.
      optimizer_of_rate: ``optimizer_of_rate(rate)``, such as `optax.adam`. It is called with a schedule in place of a rate.
      low, high: the first rate and the last.
      steps: how many to take.

    Returns:
      The rates, the losses and a suggestion. Looked at as a curve, a good rate is where the loss still falls fast: below
      its lowest point, from where on it grows.

    Raises:
      TypeError, ValueError: an argument is not as described.

    Example:
      >>> x = jax.random.normal(jax.random.key(0), (64, 3))
      >>> found = find_learning_rate(linear(1), losses.squared_error, optax.sgd, (x, x[:, :1]), key=jax.random.key(1))
      >>> 0.001 < found.suggestion < 1
      True

    Source:
      Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3.
    """
    if not callable(optimizer_of_rate):
        kind = type(optimizer_of_rate).__name__
        raise TypeError(f"optimizer_of_rate must be a function of a rate such as optax.adam, got {kind}")
    require_count("steps", steps, low=10)
    require_number("find_learning_rate", "low", low, "above 0", lambda v: v > 0)
    require_number("find_learning_rate", "high", high, f"above low, {low}", lambda v: v > low)
    rates = np.geomspace(low, high, steps)
    lowest = np.inf

    def diverged(moment: Moment) -> bool:
        nonlocal lowest
        lowest = min([lowest, *moment.values["loss"]])
        return bool(moment.rows) and moment.last["loss"] > _DIVERGED * lowest

    optimizer = optimizer_of_rate(lambda step: jnp.asarray(rates, jnp.float32)[step])
    options = {"steps": steps, "validate_every": 1, "key": key, "batch_size": batch_size, "watch": diverged}
    try:
        with unmeasured_kept():
            losses = fit(model, loss, optimizer, data, **options, progress=False)[1]["loss"]
    except NonFiniteError as error:
        losses = error.history["loss"]
    smooth = _smoothed(np.asarray(losses, float))
    return LearningRates(rates[: len(smooth)], smooth, _steepest(rates, smooth))


def _smoothed(losses: np.ndarray) -> np.ndarray:
    """The running mean that forgets, each value a mean of those up to it."""
    total = weight = 0.0
    means = []
    for value in losses:
        total, weight = _SMOOTH * total + value, _SMOOTH * weight + 1
        means.append(total / weight)
    return np.array(means)


def _steepest(rates: np.ndarray, losses: np.ndarray) -> float | None:
    """The rate where the losses fall most from one to the next, up to the lowest."""
    slopes = np.diff(losses[: int(np.argmin(losses)) + 1]) if len(losses) else np.zeros(0)
    return float(rates[int(np.argmin(slopes))]) if len(slopes) else None
