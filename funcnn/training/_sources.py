"""Where batches come from: each source trains on its own data, and yields where training stands."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._data import as_data, examine, require_count
from ._epochs import Progress, compiled_loop, start
from ._faults import NonFiniteError, last_good, name_fault
from ._mesh import explicit_mesh, inside, on_mesh, settled
from ._state import TrainState
from ._step import Batch, Step
from ._watchers import Moment

_DISPATCH_SECONDS = 0.25  # how much work to hand to the device at once: small enough for a lively progress bar


def source_of(data: tuple[Any, ...], batch_size: int | None) -> "Arrays":
    """The source that reads such data."""
    data = as_data(data)
    n = examine(data)
    size = n if batch_size is None else require_count("batch_size", batch_size, low=1, high=n)
    return Arrays(data, n, size)


@dataclass(frozen=True)
class Arrays:
    """Arrays that fit on the device, trained on by one compiled loop.

    Attributes:
      data: ``(inputs, *targets)``.
      n: how many examples these are.
      batch_size: how many of them a step takes; an epoch's last batch may be shorter.
    """

    data: Batch
    n: int
    batch_size: int

    def train(self, step: Step, state: TrainState, epochs: int) -> Iterator[Moment]:
        """Train until so many epochs have ended, the first of which may be under way already.

        Yields:
          The moment before anything is done, one after each dispatch, and the last good one before an error.

        Raises:
          TypeError, ValueError: the data do not fit the step, or the state's position not the data.
          NonFiniteError: the loss or the state became NaN or inf.
        """
        batches = -(-self.n // self.batch_size)
        self._require_within(state, batches)
        mesh = explicit_mesh(self.data)
        state, data = on_mesh(mesh, (state, jax.tree.map(jnp.asarray, self.data)))
        with inside(mesh):
            progress = start(step, state, self.data, epochs)
        loop = compiled_loop(step, state, self.n, self.batch_size)

        def run(progress, steps):
            with inside(mesh):
                return settled(loop(progress, data, np.int32(steps)))

        began = time.perf_counter()
        yield _moment(progress, progress, began)
        count = 1
        while (left := epochs - int(progress.ended)) > 0:
            count = min(count, left)
            steps = count * batches - int(progress.state.position.batch)
            dispatched = time.perf_counter()
            after, finite = run(progress, steps)
            if not finite:
                good = last_good(run, progress, steps)
                yield _moment(progress, good, began)
                raise _fault(step, good, run(good, 1)[0])
            count = _next_count(count, time.perf_counter() - dispatched)
            yield _moment(progress, after, began)
            progress = after

    def _require_within(self, state, batches):
        epoch, batch = map(int, state.position)
        if epoch < 0:
            raise ValueError(f"state.position.epoch must be at least 0, got {epoch}")
        if not 0 <= batch < batches:
            why = f"{self.n} examples in batches of {self.batch_size} make {batches} an epoch"
            raise ValueError(f"state.position.batch must be from 0 to {batches - 1}, as {why}, got {batch}")


def _moment(before: Progress, after: Progress, began: float) -> Moment:
    new = slice(int(before.ended), int(after.ended))
    values = jax.tree.map(lambda a: np.asarray(a)[new].copy(), after.values)
    return Moment(after.state, values, after.sums, time.perf_counter() - began)


def _next_count(count, seconds):
    """As many epochs as take about the time that a dispatch should."""
    return max(1, min(8 * count, int(count * _DISPATCH_SECONDS / seconds)))


def _fault(step, good, after):
    """What the step between them did."""
    what = name_fault(step.judged(after.state, after.values["loss"][good.ended]))
    return NonFiniteError(f"{what} at step {good.state.step} (epoch {good.state.position.epoch})")
