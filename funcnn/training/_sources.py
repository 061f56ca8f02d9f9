"""Where batches come from: each source trains on its own data, and yields where training stands."""

import time
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import PyTree
from ._data import as_data, examine, require_count, rows
from ._epochs import Progress, compiled_loop, start
from ._faults import NonFiniteError, last_good, name_fault
from ._mesh import explicit_mesh, inside, on_mesh, settled
from ._metrics import Sums
from ._plan import Plan
from ._state import TrainState
from ._step import Batch, Step
from ._watchers import Moment

_ENOUGH = 4096
_FIRST_STEPS = 16
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

    def train(
        self, step: Step, state: TrainState, plan: Plan, sums: dict[str, Sums] | None = None
    ) -> Generator[Moment, None, None]:
        """Train as far as the plan goes.

        Args:
          step: of `plain_step`.
          state: where to go on from, in the middle of an epoch too.
          plan: where training ends and pauses.
          sums: those of the row under way, as the last moment told them; None begins one.

        Yields:
          The moment before anything is done, one after each dispatch, and the last good one before an error.

        Raises:
          TypeError, ValueError: the data do not fit the step, or the state's position not the data.
          NonFiniteError: the loss or the state became NaN or inf.
        """
        self._require_within(state)
        mesh = explicit_mesh(self.data)
        state, data = on_mesh(mesh, (state, jax.tree.map(jnp.asarray, self.data)))
        with inside(mesh):
            progress = start(step, state, self.data, plan.rows(state, self.batches))
        if sums is not None:
            progress = progress._replace(sums=sums)
        loop = compiled_loop(step, state, self.n, self.batch_size)

        def run(progress, steps):
            with inside(mesh):
                return settled(loop(progress, data, np.int32(steps)))

        began = time.perf_counter()
        tell = partial(self._moment, began=began)
        yield tell(progress, progress, 0.0)
        count = _FIRST_STEPS
        while not plan.over(progress.state):
            steps = min(count, plan.ahead(progress.state, self.batches) or count)
            dispatched = time.perf_counter()
            after, finite = run(progress, steps)
            spent = time.perf_counter() - dispatched
            if not finite:
                good = last_good(run, progress, steps)
                yield tell(progress, good, spent)
                raise _fault(step, good, run(good, 1)[0])
            count = _next_count(steps, spent)
            moment = tell(progress, after, spent)
            if plan.row_ends(after.state):
                moment, after = end_row(step, moment), after._replace(sums=jax.tree.map(jnp.zeros_like, after.sums))
            yield moment
            progress = after

    def some_inputs(self) -> list[PyTree]:
        """Up to 4,096 of the inputs, evenly spread over all of them, in batches: enough to calibrate on."""
        some = np.linspace(0, self.n - 1, min(self.n, _ENOUGH)).astype(int)
        size = min(len(some), max(self.batch_size, 256))
        return [rows(self.data[0], some[i : i + size]) for i in range(0, len(some), size)]

    @property
    def batches(self) -> int:
        """How many an epoch has."""
        return -(-self.n // self.batch_size)

    def _require_within(self, state):
        epoch, batch = map(int, state.position)
        if epoch < 0:
            raise ValueError(f"state.position.epoch must be at least 0, got {epoch}")
        if not 0 <= batch < self.batches:
            why = f"{self.n} examples in batches of {self.batch_size} make {self.batches} an epoch"
            raise ValueError(f"state.position.batch must be from 0 to {self.batches - 1}, as {why}, got {batch}")

    def _moment(self, before: Progress, after: Progress, spent: float, began: float) -> Moment:
        new = slice(int(before.ended), int(after.ended))
        values = jax.tree.map(lambda a: np.asarray(a)[new].copy(), after.values)
        earlier = np.arange(len(values["loss"]))[::-1]  # how many epochs before the last one that ended
        epoch, batch = map(int, after.state.position)
        places = {"step": int(after.state.step) - batch - self.batches * earlier, "epoch": epoch - earlier}
        examples = self._examples(after.state) - self._examples(before.state)
        return Moment(after.state, places | values, after.sums, time.perf_counter() - began, spent, examples)

    def _examples(self, state):
        """How many were taken until there, from the beginning."""
        epoch, batch = map(int, state.position)
        return epoch * self.n + batch * self.batch_size


def end_row(step: Step, moment: Moment) -> Moment:
    """The moment with the row that its sums stand for, and sums that are zero."""
    row = {"step": int(moment.state.step), "epoch": int(moment.state.position.epoch)}
    row |= step.value(moment.sums) | step.shown(moment.state)
    values = jax.tree.map(lambda a: np.asarray(a)[None], row)
    return moment._replace(values=values, sums=jax.tree.map(jnp.zeros_like, moment.sums))


def _next_count(count, seconds):
    """As many steps as take about the time that a dispatch should."""
    return max(1, min(8 * count, int(count * _DISPATCH_SECONDS / seconds)))


def _fault(step, good, after):
    """What the step between them did."""
    ended = after.ended > good.ended and len(after.values["loss"])
    loss = after.values["loss"][good.ended] if ended else after.sums["loss"][0]
    what = name_fault(step.judged(after.state, loss))
    return NonFiniteError(f"{what} at step {good.state.step} (epoch {good.state.position.epoch})")
