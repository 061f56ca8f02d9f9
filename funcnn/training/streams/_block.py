"""Steps on batches as they come: a block of them donates from step to step, and is judged as a whole."""

import time
from collections.abc import Callable, Iterator
from math import inf
from typing import NamedTuple

import jax
import jax.numpy as jnp

from .._data import examine
from .._epochs import steady, zero_sums
from .._faults import NonFiniteError, all_finite, name_fault
from .._mesh import settled
from .._metrics import Sums
from .._objective import Batch
from .._once import once
from .._state import TrainState
from .._step import Step
from .._together import require_alike_lengths, together
from .._trees import described
from ._reading import Read, naming

BLOCK_SECONDS = 1.0  # so long that the copy takes no time beside it, and so short that a bar moves


class Carry(NamedTuple):
    """What goes from step to step: the state, and the sums of the row under way."""

    state: TrainState
    sums: dict[str, Sums]


class Compiled(NamedTuple):
    """What is compiled for a step.

    Attributes:
      take: ``take(carry, batch) -> carry``, which takes over the memory of the carry.
      copy: ``copy(carry) -> carry``.
      finite: ``finite(carry)``, whether all is finite that must be.
      shapes: of the batches that `take` was compiled for, in words.
    """

    take: Callable[[Carry, Batch], Carry]
    copy: Callable[[Carry], Carry]
    finite: Callable[[Carry], jax.Array]
    shapes: list[str]


class Block(NamedTuple):
    """Steps that were taken one after another.

    Attributes:
      carry: after them.
      taken: the batches.
      ended: whether the epoch ended behind them.
      error: by which they came to an end; None if they came to none.
    """

    carry: Carry
    taken: list[Read]
    ended: bool = False
    error: Exception | None = None


@once
def compiled(step: Step) -> Compiled:
    """The same for all states and batches of a step."""
    shapes: list[str] = []
    once_more = steady(step.take)

    def take(carry, batch):
        shapes.append(", ".join(described(batch).values()))
        state, sums = once_more(carry.state, batch)
        state = state._replace(position=state.position._replace(batch=state.position.batch + 1))
        return Carry(state, jax.tree.map(jnp.add, carry.sums, sums))

    def copy(carry):
        return jax.tree.map(jnp.copy, carry)

    def finite(carry):
        return all_finite(step.judged(carry.state, carry.sums["loss"]))

    return Compiled(jax.jit(take, donate_argnums=0), jax.jit(copy), jax.jit(finite), shapes)


def block_from(step: Step, start: Carry, ahead: Iterator[Read], count: int) -> Block:
    """Up to so many steps, fewer if the epoch or `BLOCK_SECONDS` are over; all that are good before an error.

    What they start from is kept until all is known to be finite. If it is not, they are taken once more, each judged by
    itself.
    """
    loop = compiled(step)
    block = _taken(loop, start, ahead, count)
    lost = any(leaf.is_deleted() for leaf in jax.tree.leaves(block.carry))  # in a step that failed
    return block if not lost and loop.finite(block.carry) else _one_by_one(step, loop, start, block)


def _taken(loop, start, ahead, count):
    carry, taken = loop.copy(start), []
    until = time.perf_counter() + BLOCK_SECONDS if jax.process_count() == 1 else inf
    while len(taken) < count and time.perf_counter() < until:
        try:
            read = _next(ahead)
            if read.batch is None:
                return Block(carry, taken, ended=True)
            with naming(read.number, f"epoch {read.epoch}"):
                carry = settled(loop.take(carry, read.batch))
        except Exception as error:
            return Block(carry, taken, error=error)
        taken.append(read)
    return Block(carry, taken)


def _next(ahead):
    """What is read next, in every process or in none, and of as many examples."""
    read = []

    def length():
        read.append(next(ahead))
        return 0 if read[0].batch is None else len(jax.tree.leaves(read[0].batch)[0])

    require_alike_lengths(together(length))
    return read[0]


def _one_by_one(step, loop, good, block):
    for i, read in enumerate(block.taken):
        after = settled(loop.take(loop.copy(good), read.batch))
        if not loop.finite(after):
            return Block(good, block.taken[:i], error=_fault(step, good, after, read))
        good = after
    return block._replace(carry=good)


def _fault(step, good, after, read):
    """What the step between them did, and what of the batch explains it."""
    what = name_fault(step.judged(after.state, after.sums["loss"][0]))
    where = f"step {good.state.step} (epoch {read.epoch}, batch {read.number})"
    first = step.blamed(good.state, read.batch, jax.tree.map(jnp.subtract, after.sums, good.sums))
    return NonFiniteError(f"{what} at {where}{first and f', {first}'}{_blame(step, good.state, read.batch)}")


def _blame(step, state, batch):
    """What is wrong with a batch: NaN in it, or a target that the loss refuses when it sees its values."""
    try:
        examine(batch, "batch")
        zero_sums(step, state, batch)
    except (TypeError, ValueError) as error:
        return f": {error}"
    return ""
