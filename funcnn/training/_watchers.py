"""What looks on while training goes: functions of a moment, which change nothing in it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._history import Rows
from ._metrics import Sums
from ._noted import noted
from ._state import TrainState
from ._step import Step

Watcher = Callable[["Moment"], Any]


class Moment(NamedTuple):
    """Where training stands: at its start, and whenever the steps that were dispatched have run.

    Attributes:
      state: the state, its position included. It is not going to be donated.
      values: the rows of the history that ended since the moment before, NumPy arrays ``[rows, ...]`` by column. At the
        start there are all columns, and no rows.
      sums: those of the row under way; zeros between two rows.
      seconds: since training began.
      spent: seconds of training since the moment before.
      examples: how many were trained on since the moment before.
    """

    state: TrainState
    values: Rows
    sums: dict[str, Sums]
    seconds: float
    spent: float = 0.0
    examples: int = 0

    @property
    def is_first(self) -> bool:
        """Whether nothing has been done yet."""
        return not self.rows and not self.spent

    @property
    def rows(self) -> int:
        """How many rows ended since the moment before."""
        return len(self.values["loss"])

    @property
    def within_row(self) -> bool:
        """Whether steps were taken since the last row ended."""
        return float(self.sums["loss"][1]) > 0

    @property
    def last(self) -> dict[str, Any]:
        """The last of these rows, by column."""
        return {name: array[-1] for name, array in self.values.items()}


def end_row(step: Step, moment: Moment) -> Moment:
    """The moment with the row that its sums stand for, and sums that are zero."""
    row = {"step": int(moment.state.step), "epoch": int(moment.state.position.epoch)}
    row |= step.value(moment.sums) | step.shown(moment.state)
    values = jax.tree.map(lambda a: np.asarray(a)[None], row)
    return moment._replace(values=values, sums=jax.tree.map(jnp.zeros_like, moment.sums))


def as_watchers(watch: Watcher | Sequence[Watcher]) -> tuple[Watcher, ...]:
    """The watchers as a tuple, if they are functions."""
    if not callable(watch) and not isinstance(watch, Iterable):
        raise TypeError(f"watch must be functions of a moment, got {type(watch).__name__}")
    watchers = (watch,) if callable(watch) else tuple(watch)
    for i, watcher in enumerate(watchers):
        if not callable(watcher):
            raise TypeError(f"watch[{i}] must be a function of a moment, got {type(watcher).__name__}")
    return watchers


def shown_to(watchers: Iterable[Watcher], moment: Moment) -> bool:
    """Show the moment to every watcher; whether one of them asks to end training."""
    wishes = []
    for watch in watchers:
        with _noting(watch, f"shown step {moment.state.step}"):
            wishes.append(watch(moment))
    return True in wishes


def resulting(watchers: Iterable[Watcher], state: TrainState) -> TrainState:
    """The state that `fit` returns: the last one, or what a watcher makes of it."""
    for watch in watchers:
        if hasattr(watch, "result"):
            with _noting(watch, "asked for its result"):
                state = watch.result(state)  # pyright: ignore[reportFunctionMemberAccess]
                if not isinstance(state, TrainState):
                    raise TypeError(f"result must return a TrainState, got {type(state).__name__}")
    return state


@contextmanager
def told_of_the_end(watchers: Sequence[Watcher]) -> Iterator[None]:
    """Behind what is within, every watcher that has a ``close`` is told by which error it ended; all, where one raises."""
    error = None
    try:
        yield
    except BaseException as caught:
        error = caught
        raise
    finally:
        with ExitStack() as stack:
            for watch in reversed(watchers):
                stack.callback(_close, watch, error)


def _close(watch, error):
    if hasattr(watch, "close"):
        with _noting(watch, "told of the end"):
            watch.close(error)


def _noting(watch: Watcher, when: str) -> AbstractContextManager[None]:
    """Says of an error by which watcher it came."""
    return noted(f"This was watcher {getattr(watch, '__name__', type(watch).__name__)}, {when}.")
