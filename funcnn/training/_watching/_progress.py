"""Shows how far training is: a bar on a terminal and in a notebook, elsewhere plain lines."""

import sys
import time
from typing import Any

import numpy as np

from .._watchers import Moment, Watcher

_SECONDS = 10.0  # between two lines


def progress_of(epochs: int | None, steps: int | None) -> Watcher:
    """A watcher that shows how many of so many epochs or steps have ended, with the last row's loss and validation.

    A bar where it can be redrawn. Where it cannot, in a file say, a line of the last row at most every ten seconds, and one
    at the end.
    """
    from tqdm.auto import tqdm  # here, because importing it takes longer than importing this library

    in_notebook = any(base.__module__ == "tqdm.notebook" for base in tqdm.__mro__)
    total, unit = (steps, "step") if epochs is None else (epochs, "epoch")
    return _Bar(tqdm, total, unit) if in_notebook or sys.stderr.isatty() else _Lines(total, unit)


class _Bar:
    def __init__(self, tqdm: Any, total: int | None, unit: str):
        self._tqdm, self._total, self._unit = tqdm, total, unit
        self._bar: Any = None

    def __call__(self, moment: Moment) -> None:
        at = _at(moment, self._unit)
        if self._bar is None:
            self._bar = self._tqdm(total=self._total, initial=at, unit=self._unit)
        if moment.rows:
            self._bar.set_postfix(_shown(moment), refresh=False)
        if at > self._bar.n:
            self._bar.update(at - self._bar.n)

    def close(self, error: BaseException | None) -> None:
        """Leave the bar as it is."""
        del error
        if self._bar is not None:
            self._bar.close()


class _Lines:
    def __init__(self, total: int | None, unit: str):
        self._total, self._unit = total, unit
        self._line, self._said = "", time.perf_counter()

    def __call__(self, moment: Moment) -> None:
        if moment.rows:
            measured = ", ".join(f"{name} {value}" for name, value in _shown(moment).items())
            self._line = f"{self._unit} {_at(moment, self._unit)}/{self._total}: {measured}"
        if time.perf_counter() - self._said >= _SECONDS:
            self._say()

    def close(self, error: BaseException | None) -> None:
        """Say how far it came."""
        del error
        self._say()

    def _say(self) -> None:
        if self._line:
            print(self._line, file=sys.stderr, flush=True)
        self._line, self._said = "", time.perf_counter()


def _at(moment: Moment, unit: str) -> int:
    return int(moment.state.step if unit == "step" else moment.state.position.epoch)


def _shown(moment: Moment) -> dict[str, str]:
    """The last row's loss and its columns of validation, those of one number."""
    names = ["loss", *(name for name in moment.values if name.startswith("val_"))]
    return {name: f"{float(moment.last[name]):.4g}" for name in names if np.ndim(moment.last[name]) == 0}
