"""The compiled loop over arrays: any number of steps in one call, from anywhere in an epoch to anywhere."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._faults import all_finite
from ._mesh import divided_alike
from ._metrics import Sums
from ._objective import Batch, Values
from ._once import once
from ._order import epoch_order
from ._state import Position, TrainState, step_key
from ._step import Step
from ._trees import require_alike

_ROWS, _ROWS_BYTES = 2**16, 2**22


class Progress(NamedTuple):
    """What the loop carries.

    Attributes:
      state: the training state.
      sums: those of the row under way.
      values: room for rows that end with an epoch, each array ``[rows, ...]``; for no rows where an epoch ends none.
      ended: how many epochs have ended, and rows are filled, since `afresh`, int32.
    """

    state: TrainState
    sums: dict[str, Sums]
    values: Values
    ended: jax.Array | np.int32


Run = Callable[[Progress, Batch, np.int32], tuple[Progress, jax.Array]]


def start(step: Step, state: TrainState, data: Batch, rows: int = _ROWS) -> Progress:
    """The progress at which nothing has been done, found on shapes alone: whatever does not fit raises here.

    The targets have values while the prediction is only a shape, so that a loss can check them (labels in range). There is
    room for so many rows, or for fewer that fill some megabytes. It does not depend on how far training goes. So the same
    program is compiled for every length of a run, and gives the same bits wherever a run was cut.
    """
    sums = zero_sums(step, state, data)
    values = jax.eval_shape(lambda sums, state: step.value(sums) | step.shown(state), sums, state)
    size = sum(a.size * a.dtype.itemsize for a in jax.tree.leaves(values))
    rows = min(rows, max(16, _ROWS_BYTES // size))
    return Progress(state, sums, jax.tree.map(lambda a: np.zeros((rows, *a.shape), a.dtype), values), np.int32(0))


def afresh(progress: Progress) -> Progress:
    """The same, with all of its room for rows free."""
    return progress._replace(ended=np.int32(0))


def zero_sums(step: Step, state: TrainState, batch: Batch) -> dict[str, Sums]:
    """The sums of no batches, for batches like this one."""
    inputs, *targets = batch
    measure = lambda state, inputs: (
        step.measure(state.params, (inputs, *targets), step_key(state)) | step.untaken(state, (inputs, *targets))
    )
    return jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), jax.eval_shape(measure, state, inputs))


def continued(zeros: dict[str, Sums], sums: Any) -> dict[str, Sums]:
    """The sums of batches before, given as such or as the leaves of each by name, in the structure of these zeros.

    Raises:
      ValueError: their names, shapes or dtypes differ.
    """
    was, now = ({name: jax.tree.leaves(a) for name, a in each.items()} for each in (sums, zeros))
    require_alike("metrics must be those that the row under way began with", now, was)
    return jax.tree.unflatten(jax.tree.structure(zeros), [jnp.asarray(a) for a in jax.tree.leaves(was)])


def compiled_loop(step: Step, state: TrainState, n: int, batch_size: int) -> Run:
    """A function ``(progress, data, steps) -> (progress, finite)`` over n examples; ``steps`` may vary.

    It returns the progress after so many steps, and whether the state and the losses up to there are finite.
    """
    weights = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    small = jax.default_backend() == "cpu" and weights * batch_size < 1_000_000
    return _compiled(step, n, batch_size, small)


@once
def _compiled(step: Step, n: int, batch_size: int, small: bool) -> Run:
    """The same for all states; ``small`` is whether matrix products are done sooner than a thread of the CPU wakes up."""
    step = step._replace(take=steady(step.take))
    loop = _over_all(step) if batch_size == n else _over_batches(step, n, batch_size)

    def run(progress, data, steps):
        progress = loop(progress, data, steps)
        losses = progress.sums["loss"], progress.values["loss"]
        return progress, all_finite(step.judged(progress.state, losses))

    return jax.jit(run, compiler_options={"xla_cpu_multi_thread_eigen": False} if small else None)


def steady(take):
    """The same, if it leaves the state's types as they were: a loop carries no others."""

    def steady(state, batch):
        after, sums = take(state, batch)
        require_alike("optimizer must keep the structure and dtypes of its state", after, state)
        return after, sums

    return steady


def _over_all(step):
    """The loop where each epoch is one step, on all examples as they come."""

    def run(progress, data, steps):
        def epoch(i, carry):
            state, sums, values = carry
            state, more = step.take(state, data)
            if _has_rows(values):  # of sums that are rounded as they are where a row ends outside of a loop
                return state, sums, _with_row(values, i, step, lax.optimization_barrier(more), state)
            return state, jax.tree.map(jnp.add, sums, more), values

        state, sums, values, ended = progress
        state, sums, values = lax.fori_loop(ended, ended + steps, epoch, (state, sums, values))
        state = state._replace(position=Position(state.position.epoch + steps, state.position.batch))
        return Progress(state, sums, values, ended + steps)

    return run


def _over_batches(step, n, batch_size):
    """The loop where each epoch is several steps, the examples in an order of the epoch's own."""
    batches = -(-n // batch_size)
    take = _some_of_epoch(step, n, batch_size)

    def run(progress, data, steps):
        def part(carry):  # of an epoch: to its end, or as far as the steps go
            progress, left = carry
            first = progress.state.position.batch
            stop = jnp.minimum(first + left, batches)
            state, sums = take(progress.state, progress.sums, data, first, stop)
            values = _with_row(progress.values, progress.ended, step, sums, state)
            progress = Progress(state, sums, values, progress.ended)
            return _move(progress, stop, stop == batches), left - (stop - first)

        return lax.while_loop(lambda carry: carry[1] > 0, part, (progress, steps))[0]

    return run


def _some_of_epoch(step, n, batch_size):
    """A function that takes an epoch's batches from ``first`` to before ``stop``, the last one shorter if n asks for it."""
    whole, left_over = divmod(n, batch_size)

    def run(state, sums, data, first, stop):
        order = epoch_order(state, n)

        def on_rows(carry, rows):
            state, sums = carry
            state, more = step.take(state, _rows(data, rows))
            return state, jax.tree.map(jnp.add, sums, more)

        def on_batch(i, carry):
            return on_rows(carry, lax.dynamic_slice(order, (i * batch_size,), (batch_size,)))

        carry = lax.fori_loop(first, jnp.minimum(stop, whole), on_batch, (state, sums))
        if left_over:
            carry = lax.fori_loop(whole, stop, lambda _, carry: on_rows(carry, order[-left_over:]), carry)
        return carry

    return run


def _move(progress, batch, over):
    """The position before that batch; if the epoch is over, before the next one's first, with new sums for a new row."""
    ended = over.astype(jnp.int32)
    position = Position(progress.state.position.epoch + ended, jnp.where(over, 0, batch))
    anew = over if _has_rows(progress.values) else False
    return Progress(
        state=progress.state._replace(position=position),
        sums=jax.tree.map(lambda a: jnp.where(anew, jnp.zeros_like(a), a), progress.sums),
        values=progress.values,
        ended=progress.ended + ended,
    )


def _rows(data, rows):
    placed = lambda a: divided_alike(a, len(rows))
    return jax.tree.map(lambda a: a.at[rows].get(mode="promise_in_bounds", out_sharding=placed(a)), data)


def _has_rows(values) -> bool:
    return len(values["loss"]) > 0


def _with_row(values, i, step, sums, state):
    row = step.value(sums) | step.shown(state)
    return jax.tree.map(lambda array, a: array.at[i].set(a), values, row) if _has_rows(values) else values
