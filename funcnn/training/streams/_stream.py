"""Training on a stream of batches, step by step, while the next ones are read."""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from math import inf
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from ..._warn import warn
from .._divided import require_divided, spread
from .._epochs import continued, start
from .._map import Map
from .._mesh import explicit_mesh, inside, on_mesh
from .._objective import Batch
from .._plan import Plan, next_count
from .._state import Position, TrainState
from .._step import Step
from .._together import agreed
from .._watchers import Moment, end_row
from ._block import BLOCK_SECONDS, Block, Carry, block_from, compiled
from ._encoded import encoded
from ._iterables import Passes
from ._prefetch import prefetched
from ._reading import ENOUGH, Place, naming, prepared, reads
from ._shuffled import Shuffled

_BLOCK_BYTES = 2**28  # of batches, which are kept until it is known that all went well
_MANY_SHAPES = 8


class Stream:
    """Batches of anything that gives them, trained on one by one while others are read.

    Attributes:
      data: the first batch, as the step takes it.
    """

    def __init__(self, passes: Passes | Shuffled, map: Map | None = None, mesh: Mesh | None = None):
        self._passes, self._mesh = passes, mesh
        with naming(0, "epoch 0"):
            self.data = prepared(map)(passes.first, lambda: jax.random.key(0))
        same = isinstance(passes, Shuffled)  # in every process; other batches are each process's own
        if mesh is not None:
            require_divided("the first batch", _length(self.data) * (1 if same else jax.process_count()), mesh)
        self._at_hand = map is None and isinstance(passes, Passes) and passes.at_hand
        put = None if mesh is None else partial(spread, mesh, same)
        self._prepare = prepared(map, self.data, put, kept=self._at_hand)
        self._saved: bytes | None = None
        self._resumed = False

    def state(self) -> dict[str, Any]:
        """Where the data stand at the last moment, if they have a state of their own."""
        return {} if self._saved is None else {"data": np.frombuffer(self._saved, np.uint8)}

    def restore(self, saved: dict[str, Any]) -> None:
        """Have training go on where the data stood."""
        self._saved, self._resumed = saved["data"].tobytes() if saved else None, True

    @property
    def described(self) -> dict[str, Any]:
        """What a run that goes on has in common with the one before, by the arguments of `fit`."""
        arrays = self._passes
        return {"batch_size": arrays.batch_size, "examples of data": arrays.n} if isinstance(arrays, Shuffled) else {}

    def train(self, step: Step, state: TrainState, plan: Plan, sums: dict[str, Any] | None = None) -> Generator[Moment]:
        """Train as far as the plan goes.

        Args:
          step: of `plain_step`.
          state: where to go on from, in the middle of an epoch too.
          plan: where training ends and pauses.
          sums: those of the row under way, as the last moment told them, or the leaves of each; None begins one.

        Yields:
          The moment before anything is done, one after each block of steps, and the last good one before an error.

        Raises:
          TypeError, ValueError: a batch does not fit the step or the first batch; or the data end too early.
          NonFiniteError: the loss or the state became NaN or inf.
          Exception: what the data raise.
        """
        place = self._place(state, plan)
        mesh = explicit_mesh(self.data) if self._mesh is None else self._mesh
        state = on_mesh(mesh, state)
        with inside(mesh):
            progress = start(step, state, self.data, 0)
        sums = progress.sums if sums is None else continued(progress.sums, sums)
        nothing = {"step": np.zeros(0, int), "epoch": np.zeros(0, int)} | jax.tree.map(np.asarray, progress.values)
        first = Moment(state, nothing, sums, 0.0)
        yield first
        read = reads(self._passes.open, self._prepare, place, plan.epochs, plan.steps)
        with closing(read if self._at_hand else prefetched(read)) as ahead:
            yield from self._moments(step, first, plan, ahead, mesh)

    def columns(self, step: Step) -> list[Callable[[Moment], Moment]]:
        """Functions that add a column to the rows of a moment: how often the step was compiled in each."""
        shapes = compiled(step).shapes
        known = len(shapes)

        def add(moment):
            nonlocal known
            new, known = (len(shapes) - known, len(shapes)) if moment.rows else (0, known)
            return moment._replace(values=moment.values | {"compilations": np.full(moment.rows, new)})

        return [add]

    def some(self) -> list[Batch]:
        """The first batches, of up to 4,096 examples, or one of an iterator, to calibrate on. It goes before `train`."""
        if self._passes.once:
            return [self.data]
        key, batches, left = jax.random.key(0), [], ENOUGH
        for raw in self._passes.open(0, key).iterator:
            batches.append(self._prepare(raw, lambda: key))
            left -= _length(batches[-1])
            if left <= 0:
                break
        return batches

    def _moments(self, step, first, plan, ahead, mesh):
        """The moments after the first."""
        began, good, count, shapes = time.perf_counter(), Carry(first.state, first.sums), 1, compiled(step).shapes
        most = max(1, _BLOCK_BYTES // sum(leaf.nbytes for leaf in jax.tree.leaves(self.data)))
        many = len(shapes) + _MANY_SHAPES
        while not plan.over(good.state):
            dispatched = time.perf_counter()
            with inside(mesh):
                block = block_from(step, good, ahead, min(count, plan.ahead(good.state) or count))
                state = _after(block)
            now = time.perf_counter()
            count = agreed(min(most, next_count(max(1, len(block.taken)), now - dispatched, BLOCK_SECONDS)))
            moment = Moment(state, first.values, block.carry.sums, now - began, now - dispatched, _examples(block))
            if plan.row_ends(state) if plan.interval else block.ended and moment.within_row:
                moment = end_row(step, moment)
            if block.ended or block.taken:
                self._saved = None if block.ended else block.taken[-1].saved
            if len(shapes) > many:
                _warn_of_shapes(shapes)
                many = inf
            yield moment
            if block.error is not None:
                raise block.error
            good = Carry(moment.state, moment.sums)

    def _place(self, state, plan):
        epoch, batch = map(int, state.position)
        if self._passes.once and plan.epochs is not None and plan.epochs - epoch > 1:
            raise ValueError(
                f"data must be a function that gives a fresh iterator, called once an epoch, for {plan.epochs - epoch} "
                "epochs; or fit takes steps: got an iterator, which can be passed through once"
            )
        known = self._passes.after(batch)
        saved = encoded(known) if self._saved is None and known is not None else self._saved
        anew = self._resumed or not self._passes.once
        skip = batch if anew and saved is None else 0
        if skip:
            warn(
                f"{skip} batches of data are read and left out, to go on after them: no state of the data's own was saved"
            )
        return Place(epoch, batch, int(state.step), state.key, saved, skip)


def _after(block: Block) -> TrainState:
    """The state after it, before the next epoch if one ended."""
    state = block.carry.state
    epoch, batch = state.position
    return state._replace(position=Position(epoch + 1, batch * 0)) if block.ended else state


def _examples(block):
    return sum(_length(read.batch) for read in block.taken)


def _length(batch):
    return jax.tree.leaves(batch)[0].shape[0]


def _warn_of_shapes(shapes):
    warn(f"the step was compiled for batches of {len(shapes)} shapes: pad them to a few. They are {'; '.join(shapes)}")
