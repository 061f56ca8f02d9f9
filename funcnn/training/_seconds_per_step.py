"""How long a step takes: so a schedule may be as long as there is time for."""

import time
from functools import partial
from typing import Any

import optax

from .._calibration import unmeasured_kept
from .._core import Layer
from ._data import require_count
from ._fit import fit
from ._step import Loss


def seconds_per_step(
    model: Layer,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    data: Any,
    *,
    key: Any,
    batch_size: int | None = None,
    steps: int = 5,
) -> float:
    """The time of a step of `fit`, in seconds: the same few steps are run four times, and the fastest run counts.

    The first run compiles, and what else a machine does only makes a run slower.

    A schedule that is to end with the time there is needs a number of steps, ``0.9 * seconds / seconds_per_step(…)``.

    Args:
      model, loss, optimizer, data, key, batch_size: such as `fit` takes. Data are gone through four times.
      steps: how many a run has.

    Example:
      >>> x = jax.random.normal(jax.random.key(0), (64, 3))
      >>> seconds = seconds_per_step(linear(1), losses.squared_error, optax.sgd(0.1), (x, x[:, :1]), key=jax.random.key(1))
      >>> 0 < seconds < 1
      True
    """
    require_count("steps", steps, low=1)
    run = partial(fit, model, loss, optimizer, data, key=key, batch_size=batch_size, steps=steps, progress=False)

    def seconds():
        began = time.perf_counter()
        run()
        return time.perf_counter() - began

    with unmeasured_kept():
        return min(seconds() for _ in range(4)) / steps
