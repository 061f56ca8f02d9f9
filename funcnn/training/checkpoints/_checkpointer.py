"""Checkpoints of a run: a directory of files, one a step, of which the newest are kept."""

import os
import re
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import jax

from ..._warn import warn
from .._data import require_count
from .._state import TrainState
from .._together import together
from ._files import require_room, sweep, write_file
from ._format import BrokenFileError, is_marked, read_arrays, read_manifest
from ._lock import hold
from ._named import EMPTY, as_numbers, layout_of, pack, rebuilt, require_layout, unpack

_FILE = re.compile(r"step_(\d{10})\.npz")


class Saved(NamedTuple):
    """What is in a checkpoint: the state, the history up to it, and what else was to be kept."""

    state: TrainState
    history: dict[str, Any]
    extra: dict[str, Any]


class Checkpointer:
    """Saves a run's state in a directory, one file a step, so that training goes on after whatever interrupts it.

    A file is written under another name, brought to the disk, and then renamed. An older one is deleted after that, and
    nothing is deleted that was not written by a Checkpointer. Every byte is under a sha256, and nothing is pickled.

    Args:
      directory: where the files are; made at the first save. Each run has its own.
      every_seconds: how often `fit` saves, None for not by time.
      every_steps: after how many steps `fit` saves, None for not by steps. Whichever comes first counts.
      keep: how many of the newest checkpoints to keep.

    Raises:
      TypeError, ValueError: an argument is not as described.

    Example:
      >>> import tempfile
      >>> state = TrainState.create(linear(1), optax.sgd(0.1), jax.random.key(0), jnp.ones((4, 3)))
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     checkpointer = Checkpointer(folder)
      ...     checkpointer.save(state, {"loss": jnp.array([0.5])})
      ...     state, history = checkpointer.restore(like=state)
      ...     checkpointer.steps(), history
      ([0], {'loss': array([0.5])})
    """

    def __init__(
        self,
        directory: str | PathLike[str],
        every_seconds: float | None = 60,
        every_steps: int | None = None,
        keep: int = 2,
    ) -> None:
        self.directory = Path(directory)
        self.every_seconds = _require_positive("every_seconds", every_seconds)
        self.every_steps = None if every_steps is None else require_count("every_steps", every_steps, low=1)
        self.keep = require_count("keep", keep, low=1)
        self._writing: Future[None] | None = None
        self._release: Callable[[], Any] | None = None

    def __repr__(self) -> str:
        settings = f"every_seconds={self.every_seconds}, every_steps={self.every_steps}, keep={self.keep}"
        return f"Checkpointer({str(self.directory)!r}, {settings})"

    def steps(self) -> list[int]:
        """The steps of which there are checkpoints, the newest last."""
        if not self.directory.is_dir():
            return []
        return sorted(int(match[1]) for match in map(_FILE.fullmatch, os.listdir(self.directory)) if match)

    def save(
        self,
        state: TrainState,
        history: Mapping[str, Any],
        extra: Mapping[str, Any] | None = None,
        *,
        wait: bool = True,
    ) -> None:
        """Save a state.

        What is divided over devices is gathered, so that the file does not depend on where the state lies. In several
        processes each calls this, and process 0 writes. Where it cannot, it raises in all.

        Args:
          state: the state; its step names the file.
          history: arrays by name, such as `fit` returns.
          extra: what else is to be kept: dicts with strings as keys, lists, arrays, numbers, strings, bools and None.
          wait: whether to return when the file is written. Otherwise the state must not be donated before that: `wait` was
            called, or the next `save`.

        Raises:
          RuntimeError: another process saves into the directory.
          OSError: the file cannot be written. The error says how many bytes are needed and free.
          TypeError, ValueError: something cannot be saved, and the error names its path.
        """
        together(self.wait)
        packed_history, histories = pack("history", history)
        packed_extra, extras = pack("extra", extra or {})
        layout = layout_of({"state": state})
        empty = [name for name, what in layout.items() if what is EMPTY]
        arrays = as_numbers({"state": state}) | histories | extras
        step = int(state.step)
        notes = {"empty": empty, "history": packed_history, "extra": packed_extra}

        def begin() -> None:
            self.claim()
            if jax.process_index():
                return
            require_room(self._path(step), arrays)
            executor = ThreadPoolExecutor(1)
            self._writing = executor.submit(self._write, step, arrays, notes)
            executor.shutdown(wait=False)
            if wait:
                self.wait()

        together(begin)

    def restore(self, like: TrainState, step: int | None = None) -> tuple[TrainState, dict[str, Any]]:
        """The state and the history of the newest checkpoint, or of the one at that step.

        Args:
          like: a state of the same model and optimizer, such as `TrainState.create` gives, or its shapes and dtypes, as
            `jax.eval_shape` gives them. Arrays are put where its arrays lie.
          step: which one; None is the newest that is whole.

        Warns:
          UserWarning: a newer checkpoint is damaged.

        Raises:
          FileNotFoundError: there is no checkpoint.
          ValueError: it holds something else, and the error names every path that differs. Or each checkpoint is damaged,
            or one was written by a newer version.
        """
        saved = self.read(like, step)
        return saved.state, saved.history

    def read(self, like: TrainState, step: int | None = None) -> Saved:
        """The same as `restore`, and what else was kept."""
        there = self.steps()
        if not there:
            raise FileNotFoundError(f"there is no checkpoint in {self.directory}")
        if step not in (None, *there):
            raise FileNotFoundError(f"step must be that of a checkpoint in {self.directory}, of {there}, got {step!r}")
        steps = there if step is None else [step]
        errors = []
        for step in reversed(steps):
            try:
                return _read(self._path(step), like)
            except BrokenFileError as error:
                errors.append(error)
                if step != steps[0]:
                    warn(f"{error}. The checkpoint before it is used")
        raise errors[-1]

    def claim(self) -> None:
        """Have the directory, and be the only one who saves into it, until `close`.

        Raises:
          RuntimeError: another process saves into it.
          OSError: it cannot be made or written.
        """
        if self._release is not None or jax.process_index():
            return
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            descriptor = hold(self.directory)
        except OSError as error:
            what = f"cannot write checkpoints into {self.directory}: {error.strerror}"
            raise OSError(error.errno, what) from None
        self._release = weakref.finalize(self, os.close, descriptor)
        sweep(self.directory, "step_*.npz")

    @property
    def busy(self) -> bool:
        """Whether something is being written."""
        return self._writing is not None and not self._writing.done()

    def wait(self) -> None:
        """Wait until what is being written is written.

        Raises:
          OSError: it cannot be written.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def close(self) -> None:
        """Wait in the same way, then let other processes save into the directory; a later `save` takes it again."""
        try:
            self.wait()
        finally:
            if self._release is not None:
                self._release()
                self._release = None

    def _path(self, step):
        return self.directory / f"step_{step:010}.npz"

    def _write(self, step, arrays, notes):
        write_file(self._path(step), arrays, notes)
        written = [
            earlier for earlier in self.steps() if earlier <= step
        ]  # later ones may be damaged: this run met none
        for path in map(self._path, written[: -self.keep]):
            if is_marked(path):
                path.unlink()


def _read(path, like):
    entries, notes = read_manifest(path)
    held = {name: str(entry.kind) for name, entry in entries.items() if name.split(".")[0] == "state"}
    wanted = {"state": like}
    require_layout(
        f"{path} is not of this model and optimizer", held | dict.fromkeys(notes["empty"], EMPTY), layout_of(wanted)
    )
    arrays = read_arrays(path, entries)
    history, extra = (unpack(notes[name], arrays) for name in ("history", "extra"))
    return Saved(rebuilt(wanted, arrays)["state"], history, extra)


def _require_positive(name, seconds):
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{name} must be a number of seconds or None, got {seconds!r}")
    if not seconds >= 0:
        raise ValueError(f"{name} must be at least 0, got {seconds}")
    return seconds
