"""What is kept of a run that has checkpoints, and what a new call of `fit` goes on from."""

import time
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import Any, NamedTuple

import jax
import numpy as np

from .._warn import warn
from ._history import Rows, join
from ._state import TrainState
from ._together import alone, together
from ._watchers import Moment, Watcher
from .checkpoints import Checkpointer


class Begun(NamedTuple):
    """Where a run begins.

    Attributes:
      state: the state.
      parts: of the history until there.
      sums: those of the row under way, the leaves of each by name; None begins a row.
      seconds: how long training took until there.
    """

    state: TrainState
    parts: Sequence[Rows] = ()
    sums: dict[str, Any] | None = None
    seconds: float = 0.0


class _Seen(NamedTuple):
    """All that a checkpoint needs, of a moment that everybody has seen."""

    state: TrainState
    parts: int
    extra: dict[str, Any]


class Unkept:
    """Keeps nothing."""

    def begin(self, state: TrainState) -> Begun:
        """The state, at which the run begins."""
        return Begun(state)

    def see(self, moment: Moment, parts: list[Rows]) -> None:
        """Do nothing."""

    def finish(self, parts: list[Rows]) -> None:
        """Do nothing."""

    def rescue(self, parts: list[Rows], error: BaseException) -> None:
        """Do nothing."""


class Kept:
    """Saves a run at its beginning, at some of its moments, at its end and on any exception.

    Args:
      checkpointer: where.
      run: what has to be the same when the run goes on, by the arguments of `fit`.
      source, watchers: whose own states are kept too, where they have some.
    """

    def __init__(self, checkpointer: Checkpointer, run: dict[str, Any], source: Any, watchers: Sequence[Watcher]):
        self._checkpointer, self._run = checkpointer, run
        self._own = dict(_named([source, *watchers]))
        self._begun: Begun | None = None
        self._seen: _Seen | None = None
        self._saved_step, self._saved_at = -1, time.perf_counter()

    def begin(self, state: TrainState) -> Begun:
        """The run's last checkpoint, or the state itself where there is none.

        Raises:
          ValueError: the checkpoint is of another run, model or optimizer.
          RuntimeError: another process saves into the directory.
        """
        together(self._checkpointer.claim)
        try:
            newest = together(lambda: max(self._checkpointer.steps(), default=-1))
            if min(newest) != max(newest):
                where = self._checkpointer.directory
                raise ValueError(f"checkpoint must be a directory that all processes see, and {where} is not: {newest}")
            self._begun = self._resumed(state) if newest[0] >= 0 else None
        except BaseException:
            self._checkpointer.close()
            raise
        return self._begun or Begun(state)

    def see(self, moment: Moment, parts: list[Rows]) -> None:
        """Remember a moment as its source told it, with the history until there, and save if it is time to.

        The first one is saved: a disk that has no room is found before any step.
        """
        first = self._seen is None
        self._seen = _Seen(moment.state, len(parts), self._extra(moment))
        if first or self._due(int(moment.state.step)):
            self._save(self._seen, parts, wait=False)

    def finish(self, parts: list[Rows]) -> None:
        """Save the last moment.

        Warns:
          UserWarning: the run was finished before, so that it stands where it began.
        """
        self._end(parts)
        if self._begun and self._seen and int(self._seen.state.step) == int(self._begun.state.step):
            _warn_finished(self._checkpointer, self._begun.state)

    def rescue(self, parts: list[Rows], error: BaseException) -> None:
        """Save the last moment because of an error, which says so if it cannot be saved."""
        if alone(error):
            error.add_note("The last state was not saved: a part of it is in processes that may be gone")
            return
        try:
            self._end(parts)
        except Exception as another:
            if str(another) != str(error):
                error.add_note(f"The last state could not be saved: {another}")

    def _resumed(self, state):
        saved = self._checkpointer.read(like=state)
        self._require_same_run(saved.extra["run"], saved.state.key, state.key)
        for name, memory in saved.extra["own"].items():
            if name in self._own:
                self._own[name].restore(memory)
        self._saved_step = int(saved.state.step)
        return Begun(saved.state, [saved.history], saved.extra["sums"], saved.extra["seconds"])

    def _extra(self, moment):
        return {
            "run": self._run,
            "own": {name: part.state() for name, part in self._own.items()},
            "sums": {name: jax.tree.leaves(sums) for name, sums in moment.sums.items()},
            "seconds": moment.seconds + (self._begun.seconds if self._begun else 0.0),
        }

    def _end(self, parts):
        try:
            together(self._settle)
            if self._seen:
                self._save(self._seen, parts, wait=True)
        finally:
            self._checkpointer.close()

    def _save(self, seen, parts, wait):
        step = int(seen.state.step)
        if step != self._saved_step:
            self._checkpointer.save(seen.state, join(parts[: seen.parts]), seen.extra, wait=wait)
            self._saved_step, self._saved_at = step, time.perf_counter()

    def _settle(self):
        """Raise what went wrong when it was saved last, which then counts for nothing."""
        try:
            self._checkpointer.wait()
        except BaseException:
            self._saved_step = -1
            raise

    def _due(self, step):
        every_seconds, every_steps = self._checkpointer.every_seconds, self._checkpointer.every_steps

        def by_time():
            if self._checkpointer.busy:
                return False
            self._settle()
            return every_seconds is not None and time.perf_counter() - self._saved_at >= every_seconds

        due, *_ = together(by_time)
        return bool(due) or (every_steps is not None and step % every_steps == 0)

    def _require_same_run(self, saved, saved_key, key):
        was, now = ({**run, "key": _words(k)} for run, k in ((saved, saved_key), (self._run, key)))
        different = [
            f"{name} must be {was.get(name)}, got {now.get(name)}"
            for name in {**was, **now}
            if was.get(name) != now.get(name)
        ]
        if different:
            where = self._checkpointer.directory
            raise ValueError(
                f"checkpoint must be the directory of this run, and {where} is another's: {'; '.join(different)}"
            )


def keeper_of(checkpoint: Checkpointer | None, source: Any, watchers: Sequence[Watcher]) -> Kept | Unkept:
    """What keeps a run of that source and these watchers."""
    return Unkept() if checkpoint is None else Kept(checkpoint, source.described, source, watchers)


def as_checkpointer(checkpoint: Any) -> Checkpointer | None:
    """The Checkpointer itself, or one of that directory with the usual settings.

    Raises:
      TypeError: it is neither.
    """
    if isinstance(checkpoint, (str, PathLike)):
        return Checkpointer(checkpoint)
    if checkpoint is None or isinstance(checkpoint, Checkpointer):
        return checkpoint
    raise TypeError(f"checkpoint must be a directory or a Checkpointer, got {type(checkpoint).__name__}")


def require_columns(parts: Sequence[Rows], values: Rows) -> None:
    """Raise ValueError unless a history of these parts can go on with these rows."""
    if parts and parts[0].keys() != values.keys():
        before, now = ", ".join(sorted(parts[0])), ", ".join(sorted(values))
        raise ValueError(
            f"metrics and validation must be those that the run began with, with columns {before}, got {now}"
        )


def _warn_finished(checkpointer, state):
    place = f"epoch {int(state.position.epoch)} and step {int(state.step)}"
    what = f"the run in {checkpointer.directory} was finished, at {place}, and is returned as it is"
    warn(f"{what}: more epochs or steps go on")


def _named(parts: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Those that have a state, by type and number: one more of another type changes no name."""
    counts: dict[str, int] = {}
    for part in parts:
        if hasattr(part, "state") and hasattr(part, "restore"):
            name = type(part).__name__
            counts[name] = counts.get(name, -1) + 1
            yield f"{name}-{counts[name]}", part


def _words(key):
    return np.asarray(jax.random.key_data(key)).tolist()
