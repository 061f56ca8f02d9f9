"""Ends training when a column has not become better for a while."""

import math
from typing import Any

from .._data import require_count
from .._watchers import Moment, Watcher
from ._column import require_column, sign_of


def early_stopping(name: str, patience: int, min_delta: float = 0.0, mode: str | None = None) -> Watcher:
    """A watcher that ends training after so many rows of the history without a better value.

    It is exact to the row, and goes on where it stood from a checkpoint. The state that `fit` returns is the last one,
    unless `best_state` watches too.

    Args:
      name: the column, such as ``"val_loss"``.
      patience: after how many rows in succession that are not better.
      min_delta: by how much a value must be better than the best so far to count. NaN never is.
      mode: whether ``"min"`` or ``"max"`` is better; None takes it from the name. Loss, error and perplexity are better
        lower, and accuracy, precision, recall, f1, auc, r2 and top-k are better higher.

    Raises:
      TypeError, ValueError: an argument is not as described. Before training: the history has no such column.

    Example:
      >>> x, y = jnp.eye(2), jnp.array([[1.0], [0.0]])
      >>> state, history = fit(linear(1), losses.squared_error, optax.sgd(0.0), (x, y), epochs=100, key=jax.random.key(0),
      ...                      watch=[early_stopping("loss", patience=3)], progress=False)
      >>> history["loss"].shape  # the first row is the best
      (4,)

    Source:
      Prechelt, "Early stopping - but when?", 1998.
    """
    return _EarlyStopping(name, require_count("early_stopping: patience", patience, low=1), min_delta, mode)


class _EarlyStopping:
    __name__ = "early_stopping"

    def __init__(self, name: str, patience: int, min_delta: float, mode: str | None):
        if isinstance(min_delta, bool) or not isinstance(min_delta, (int, float)) or not min_delta >= 0:
            raise ValueError(f"early_stopping: min_delta must be a number that is not negative, got {min_delta!r}")
        self._sign = sign_of("early_stopping", name, mode)
        self._name, self._patience, self._min_delta = name, patience, min_delta
        self._resumed: dict[str, Any] | None = None
        self._begin({"best": math.inf, "waited": 0})

    def __call__(self, moment: Moment) -> bool:
        if moment.is_first:
            require_column("early_stopping", self._name, moment.values)
            self._begin(self._resumed or {"best": math.inf, "waited": 0})
            self._resumed = None
        for value in moment.values[self._name]:
            if self._sign * float(value) < self._best - self._min_delta:
                self._begin({"best": self._sign * float(value), "waited": 0})
            else:
                self._waited += 1
        return self._waited >= self._patience

    def state(self) -> dict[str, Any]:
        """What it remembers: the best value so far, negated where higher is better, and how many rows have passed since."""
        return {"best": self._best, "waited": self._waited}

    def restore(self, saved: dict[str, Any]) -> None:
        """Have it go on from there at the next first moment."""
        self._resumed = saved

    def _begin(self, memory):
        self._best, self._waited = float(memory["best"]), int(memory["waited"])
