"""How many steps there is time for: so a schedule may end when the time does."""

import time
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import optax

from .._calibration import unmeasured_kept
from .._core import Layer
from ..rules._common._checks import require_number
from ._fit import fit
from ._objective import Loss
from ._together import agreed

_SHARE = 0.8


def steps_within(
    model: Layer,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    data: Any,
    *,
    minutes: float,
    key: Any,
    batch_size: int | None = None,
    note: str | PathLike | None = None,
) -> int:
    """As many steps of `fit` as take four fifths of the time: the rest is for compilation, validation and checkpoints.

    A step's time is how much longer a run of many steps takes than a run of one: a second, or a hundredth of the time.
    With a note, a run that is started again gets the number that it began with, and so the same schedule.

    Args:
      model, loss, data, key, batch_size: such as `fit` takes. Data are gone through several times.
      optimizer: one that takes as long as that of the run; of its schedule, the length does not matter.
      minutes: the time there is.
      note: a file for the number. Where it is there, it is read and nothing is measured.

    Raises:
      TypeError, ValueError: minutes is not a positive number.

    Example:
      >>> x = jax.random.normal(jax.random.key(0), (64, 3))
      >>> data, key = (x, x[:, :1]), jax.random.key(1)
      >>> steps = steps_within(linear(1), losses.squared_error, optax.sgd(0.1), data, minutes=0.01, key=key)
      >>> optimizer = optax.sgd(optax.linear_schedule(0.1, 0.0, steps))
      >>> state, history = fit(linear(1), losses.squared_error, optimizer, data, steps=steps, key=key, progress=False)
    """
    require_number("steps_within", "minutes", minutes, "above 0", lambda v: v > 0)
    file = None if note is None else Path(note)
    # An empty note is that of a run which was killed before it could train.
    noted = agreed(int(file.read_text() or 0) if file and file.exists() else 0)
    if noted:
        return noted
    run = partial(fit, model, loss, optimizer, data, key=key, batch_size=batch_size, progress=False)
    with unmeasured_kept():
        each = _seconds_per_step(run, enough=min(1.0, 0.6 * minutes))
    steps = agreed(max(1, int(_SHARE * 60 * minutes / each)))
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{steps}\n")
    return steps


def _seconds_per_step(run, enough: float) -> float:
    """The time of a step, by how much longer a run of many takes than a run of one; the faster of two runs counts."""

    def seconds(steps):
        began = time.perf_counter()
        run(steps=steps)
        return time.perf_counter() - began

    run(steps=1)  # which compiles
    once, steps = min(seconds(1), seconds(1)), 2
    while agreed((longer := min(seconds(steps), seconds(steps)) - once) < enough):
        steps *= 2
    return longer / (steps - 1)
