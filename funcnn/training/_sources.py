"""Where batches come from: each source trains on its own data, and yields where training stands."""

import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from ._data import as_data, examine, require_count, rows
from ._divided import require_divided
from ._epochs import Progress, afresh, compiled_loop, continued, start
from ._faults import NonFiniteError, last_good, name_fault
from ._map import Map, OnDevice
from ._mesh import explicit_mesh, inside, on_mesh, settled
from ._objective import Batch
from ._placement import place
from ._plan import Plan, next_count
from ._state import TrainState
from ._step import Step
from ._together import agreed, require_same
from ._watchers import Moment, end_row
from .streams._iterables import Passes, are_batches
from .streams._reading import ENOUGH, whole
from .streams._shuffled import Shuffled
from .streams._stream import Stream

_FIRST_STEPS = 16


def source_of(
    data: Any, batch_size: int | None, map: Map | OnDevice | None = None, mesh: Mesh | None = None
) -> "Source":
    """The source that reads such data, on the host does to each batch what the map does, and trains on the mesh."""
    on_host = None if isinstance(map, OnDevice) else map
    if are_batches(data):
        if batch_size is not None:
            raise TypeError(f"batch_size must be None where data are batches already, got {batch_size!r}")
        return Stream(Passes(data), on_host, mesh)
    data = as_data(data)
    n = examine(data)
    size = n if batch_size is None else require_count("batch_size", batch_size, low=1, high=n)
    if mesh is not None:
        require_divided("batch_size", size, mesh)
        require_same("data", data)
    if on_host is None:
        return Arrays(data, n, size, mesh)
    return Stream(Shuffled(jax.tree.map(np.asarray, data), n, size), on_host, mesh)


def batches_of(what: str, data: Any, batch_size: int | None) -> Callable[[], Iterator[Batch]]:
    """A function that gives an iterator over all batches, in their order.

    Args:
      what: the argument's name.
      data: arrays, examined here; or batches that can be passed through any number of times.
      batch_size: of arrays, of which the last batch may be smaller; None makes one batch of all.
    """
    if are_batches(data):
        return whole(Passes(data, what))
    data = as_data(data, what)
    n = examine(data, what)
    size = batch_size or n
    return lambda: (rows(data, slice(i, i + size)) for i in range(0, n, size))


@dataclass(frozen=True)
class Arrays:
    """Arrays that fit on the device, trained on by one compiled loop.

    Attributes:
      data: ``(inputs, *targets)``.
      n: how many examples these are.
      batch_size: how many of them a step takes; an epoch's last batch may be shorter.
      mesh: where the state lies; None is where the data lie.
    """

    data: Batch
    n: int
    batch_size: int
    mesh: Mesh | None = None

    def train(
        self, step: Step, state: TrainState, plan: Plan, sums: dict[str, Any] | None = None
    ) -> Generator[Moment, None, None]:
        """Train as far as the plan goes.

        Args:
          step: of `plain_step`.
          state: where to go on from, in the middle of an epoch too.
          plan: where training ends and pauses.
          sums: those of the row under way, as the last moment told them, or the leaves of each; None begins one.

        Yields:
          The moment before anything is done, one after each dispatch, and the last good one before an error.

        Raises:
          TypeError, ValueError: the data do not fit the step, or the state's position not the data.
          NonFiniteError: the loss or the state became NaN or inf.
        """
        self._require_within(state)
        mesh, state, data = self._on_mesh(state)
        with inside(mesh):
            progress = start(step, state, self.data, **({} if plan.rows_in_loops else {"rows": 0}))
        if sums is not None:
            progress = progress._replace(sums=continued(progress.sums, sums))
        loop = compiled_loop(step, state, self.n, self.batch_size)

        def run(progress, steps):
            with inside(mesh):
                return settled(loop(progress, data, np.int32(steps)))

        began = time.perf_counter()
        tell = partial(self._moment, began=began)
        yield tell(progress, progress, 0.0)  # no epoch has ended
        count = _FIRST_STEPS
        while not plan.over(progress.state):
            progress = afresh(progress)
            steps = min(count, plan.ahead(progress.state, self.batches) or count, self._room(progress))
            dispatched = time.perf_counter()
            after, finite = run(progress, steps)
            lost = not finite  # known when the steps have run: a device takes them and returns at once
            spent = time.perf_counter() - dispatched
            if lost:
                good = last_good(run, progress, steps)
                yield tell(progress, good, spent)
                raise _fault(step, good, run(good, 1)[0], self.data)
            count = agreed(next_count(steps, spent))
            moment = tell(progress, after, spent)
            if plan.row_ends(after.state):
                moment, after = end_row(step, moment), after._replace(sums=jax.tree.map(jnp.zeros_like, after.sums))
            yield moment
            progress = after

    def columns(self, step: Step) -> list[Callable[[Moment], Moment]]:
        """Functions that add a column to the rows of a moment: no such."""
        del step
        return []

    def _on_mesh(self, state):
        """The mesh, and on it the state and the data."""
        if self.mesh is not None:
            return self.mesh, state, place(self.data, self.mesh)
        mesh = explicit_mesh(self.data)
        return mesh, *on_mesh(mesh, (state, jax.tree.map(jnp.asarray, self.data)))

    def some(self) -> list[Batch]:
        """Up to 4,096 of the examples, evenly spread over all of them, in batches: enough to calibrate on."""
        some = np.linspace(0, self.n - 1, min(self.n, ENOUGH)).astype(int)
        size = min(len(some), max(self.batch_size, 256))
        return [rows(self.data, some[i : i + size]) for i in range(0, len(some), size)]

    @property
    def described(self) -> dict[str, Any]:
        """What a run that goes on has in common with the one before, by the arguments of `fit`."""
        return {"batch_size": self.batch_size, "examples of data": self.n}

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
        values = jax.tree.map(lambda a: np.asarray(a)[: int(after.ended)].copy(), after.values)
        earlier = np.arange(len(values["loss"]))[::-1]  # how many epochs before the last one that ended
        epoch, batch = map(int, after.state.position)
        places = {"step": int(after.state.step) - batch - self.batches * earlier, "epoch": epoch - earlier}
        examples = self._examples(after.state) - self._examples(before.state)
        return Moment(after.state, places | values, after.sums, time.perf_counter() - began, spent, examples)

    def _room(self, progress):
        """How many steps end no more epochs than there is room for rows."""
        rows = len(progress.values["loss"])
        return rows * self.batches - int(progress.state.position.batch) if rows else sys.maxsize

    def _examples(self, state):
        """How many were taken until there, from the beginning."""
        epoch, batch = map(int, state.position)
        return epoch * self.n + batch * self.batch_size


def _fault(step, good, after, data):
    """What the step between them did."""
    ended = after.ended > good.ended and len(after.values["loss"])
    loss = after.values["loss"][good.ended] if ended else after.sums["loss"][0]
    what = name_fault(step.judged(after.state, loss))
    row = jax.tree.map(lambda a: a[good.ended], after.values) if ended else step.value(after.sums)
    first = step.blamed(good.state, data, row)
    return NonFiniteError(
        f"{what} at step {good.state.step} (epoch {good.state.position.epoch}){first and f', {first}'}"
    )


Source = Arrays | Stream
