"""Writes each row of the history for TensorBoard."""

from collections.abc import Callable
from os import PathLike, fspath
from typing import Any

import jax
import numpy as np

from ..._extras import extra
from .._watchers import Moment, Watcher


def log_tensorboard(directory: str | PathLike[str]) -> Watcher:
    """A watcher that writes each row's numbers for TensorBoard, by tensorboardX.

    A run that goes on hides what an earlier one wrote of later steps. Columns of more than a number a row are left out.

    Args:
      directory: of the run; `tensorboard --logdir` shows it.

    Raises:
      ImportError: tensorboardX is not installed.
    """
    return _Events(extra("tensorboardX", "tensorboard").SummaryWriter, fspath(directory))


class _Events:
    __name__ = "log_tensorboard"

    def __init__(self, make: Callable[..., Any], directory: str):
        self._make, self._directory, self._writer = make, directory, None

    def __call__(self, moment: Moment) -> None:
        if jax.process_index():  # of several, the first writes
            return
        if moment.is_first:
            step = int(moment.state.step)
            self._writer = self._make(self._directory, purge_step=step + 1 if step else None)
        assert self._writer is not None
        for i, step in enumerate(moment.values["step"]):
            for name, column in moment.values.items():
                if np.ndim(column[i]) == 0 and name != "step":
                    self._writer.add_scalar(name, float(column[i]), int(step))
        if moment.rows:
            self._writer.flush()

    def close(self, error: BaseException | None) -> None:
        """Close the file."""
        del error
        if self._writer is not None:
            self._writer.close()
            self._writer = None
