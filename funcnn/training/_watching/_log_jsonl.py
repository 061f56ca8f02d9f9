"""Writes each row of the history as a line of JSON."""

import json
from os import PathLike
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .._watchers import Moment, Watcher


def log_jsonl(path: str | PathLike[str]) -> Watcher:
    r"""A watcher that appends each row of the history to a file, one JSON object a line.

    The line is in the file as soon as the row has ended. A run that goes on from a checkpoint does not repeat what it wrote
    before it was interrupted. What is not finite is null. A line that was being written when a run was killed is removed.

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
    def __init__(self, path: Path):
        self._path, self._resumed, self._logged = path, False, -1

    def __call__(self, moment: Moment) -> None:
        if jax.process_index():  # of several, the first writes
            return
        if moment.is_first:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            last = _mended(self._path)
            self._logged, self._resumed = last if self._resumed else -1, False
        lines = [line for i in range(moment.rows) if (line := self._line(moment, i))]
        if lines:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write("".join(lines))

    def state(self) -> dict[str, Any]:
        """Nothing: what was written is in the file."""
        return {}

    def restore(self, saved: dict[str, Any]) -> None:
        """Have it leave out the rows that are in the file, until training is past them."""
        del saved
        self._resumed = True

    def _line(self, moment, i):
        if int(moment.values["step"][i]) <= self._logged:
            return ""
        return json.dumps({name: _plain(column[i]) for name, column in moment.values.items()}, allow_nan=False) + "\n"


def _mended(path: Path) -> int:
    """Remove a last line that is not whole; the step of the last one that is, or -1."""
    with open(path, "a+b") as file:
        file.seek(0)
        lines = file.read().splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            file.truncate(sum(map(len, lines[:-1])))
            lines.pop()
    return json.loads(lines[-1]).get("step", -1) if lines else -1


def _plain(value: Any) -> Any:
    """Numbers and lists of them; None for what is not finite."""
    array = np.asarray(value)
    if array.ndim:
        return [_plain(a) for a in array]
    number = array.item()
    return number if np.isfinite(number) else None
