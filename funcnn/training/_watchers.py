"""What looks on while training goes: functions of a moment, which change nothing in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import jax
import numpy as np

from ._metrics import Sums
from ._state import TrainState
from ._step import Values

History = Values  # of NumPy arrays, [epochs, ...]


class Moment(NamedTuple):
    """Where training stands: at its start, and whenever the steps that were dispatched have run.

    Attributes:
      state: the state, its position included. It is not going to be donated.
      values: the results of the epochs that ended since the moment before, NumPy arrays ``[epochs, ...]``.
      sums: those of the epoch under way; zeros between two epochs.
      seconds: since training began.
    """

    state: TrainState
    values: History
    sums: dict[str, Sums]
    seconds: float

    @property
    def ended(self) -> int:
        """How many epochs ended since the moment before."""
        return len(self.values["loss"])


Watcher = Callable[[Moment], None]


def keep_history(parts: list[History]) -> Watcher:
    """Adds the values of each moment to the parts of a history."""
    return lambda moment: parts.append(moment.values)


def join(parts: list[History]) -> History:
    """The history that consists of these parts."""
    return jax.tree.map(lambda *pieces: np.concatenate(pieces), *parts)


@contextmanager
def progress_bar(epochs: int, show: bool) -> Iterator[Watcher]:
    """A bar of so many epochs, with the last one's loss."""
    from tqdm.auto import tqdm  # here, because importing it takes longer than importing this library

    with tqdm(total=epochs, unit="epoch", disable=not show) as bar:

        def update(moment):
            if moment.ended:
                bar.set_postfix(loss=f"{moment.values['loss'][-1]:.4g}", refresh=False)
                bar.update(moment.ended)

        yield update
