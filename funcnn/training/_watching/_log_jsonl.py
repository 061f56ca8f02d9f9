"""Writes each row of the history as a line of JSON."""

import json
import math
from os import PathLike
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .._watchers import Moment, Watcher


def log_jsonl(path: str | PathLike[str]) -> Watcher:
    r"""A watcher that appends each row of the history to a file, one JSON object a line.

    The line is in the file as soon as the row has ended. What is not finite is null. A run that goes on from a checkpoint
    removes the lines of rows that it is to write again: each row is there once. These are the lines at the file's end:
    of steps behind the checkpoint, of a last row that the run's end had cut short, and one that is not whole.

    Args:
      path: of the file; its folder is made.

    Raises:
      OSError: before training or in it: the file cannot be written.

    Example:
      >>> import pathlib, tempfile
      >>> x, y = jnp.eye(2), jnp.array([[1.0], [0.0]])
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     _ = fit(linear(1), losses.squared_error, optax.sgd(0.1), (x, y), epochs=3, key=jax.random.key(0),
      ...             watch=[log_jsonl(f"{folder}/log.jsonl")], progress=False)
      ...     pathlib.Path(folder, "log.jsonl").read_text().count("\n")
      3
    """
    return _JsonLines(Path(path))


class _JsonLines:
    __name__ = "log_jsonl"

    def __init__(self, path: Path):
        self._path, self._resumed = path, False

    def __call__(self, moment: Moment) -> None:
        if jax.process_index():  # of several, the first writes
            return
        if moment.is_first:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _cut(self._path, _last_whole_row(moment) if self._resumed else math.inf)
            self._resumed = False
        if moment.rows:
            with open(self._path, "a", encoding="utf-8") as file:
                file.writelines(_line(moment, i) for i in range(moment.rows))

    def state(self) -> dict[str, Any]:
        """Nothing: what was written is in the file."""
        return {}

    def restore(self, saved: dict[str, Any]) -> None:
        """Have it remove, at the next first moment, what is to be written again."""
        del saved
        self._resumed = True


def _line(moment: Moment, i: int) -> str:
    return json.dumps({name: _plain(column[i]) for name, column in moment.values.items()}, allow_nan=False) + "\n"


def _last_whole_row(moment: Moment) -> int:
    """The largest step at which a whole row may have ended: a row under way has not, though its short one has that step."""
    return int(moment.state.step) - moment.within_row


def _cut(path: Path, last: float) -> None:
    """Remove from the end of a file a line that is not whole, and then those of later steps than the last."""
    with open(path, "a+b") as file:
        file.seek(0)
        lines = file.read().splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()
        while lines and json.loads(lines[-1]).get("step", -1) > last:
            lines.pop()
        file.truncate(sum(map(len, lines)))


def _plain(value: Any) -> Any:
    """Numbers and lists of them; None for what is not finite."""
    array = np.asarray(value)
    if array.ndim:
        return [_plain(a) for a in array]
    number = array.item()
    return number if np.isfinite(number) else None
