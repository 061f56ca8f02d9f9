"""Keeps the state at which a column was best."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from ..._paths import dotted
from .._placement import put
from .._state import TrainState
from .._watchers import Moment, Watcher
from ._column import require_column, sign_of


def best_state(name: str, mode: str | None = None) -> Watcher:
    """A watcher that has `fit` return the state at the best row of the history, the first of them where several are.

    It keeps that state on the device, so it takes the memory of one more, and a checkpoint has both.

    Args:
      name: the column, such as ``"val_accuracy"``.
      mode: whether ``"min"`` or ``"max"`` is better; None takes it from the name, as `early_stopping` does.

    Raises:
      TypeError, ValueError: an argument is not as described. Before training: the history has no such column.

    Example:
      >>> x, y = jnp.eye(2), jnp.array([[1.0], [0.0]])
      >>> state, history = fit(linear(1), losses.squared_error, optax.sgd(3.0), (x, y), epochs=5, key=jax.random.key(0),
      ...                      watch=[best_state("loss")], progress=False)
      >>> int(state.step)  # a rate so high that the loss grows: the first row is the best
      1
    """
    return _BestState(name, mode)


class _BestState:
    __name__ = "best_state"

    def __init__(self, name: str, mode: str | None):
        self._name, self._sign = name, sign_of("best_state", name, mode)
        self._resumed: dict[str, Any] | None = None
        self._best, self._state = math.inf, None

    def __call__(self, moment: Moment) -> None:
        if moment.is_first:
            require_column("best_state", self._name, moment.values)
            self._best, self._state = math.inf, None
            if self._resumed:
                self._best, self._state = self._resumed["best"], _with_leaves(moment.state, self._resumed["state"])
            self._resumed = None
        if moment.rows and self._sign * float(moment.last[self._name]) < self._best:
            self._best, self._state = self._sign * float(moment.last[self._name]), moment.state

    def result(self, state: TrainState) -> TrainState:
        """The best state; the last one if there was no row."""
        return state if self._state is None else self._state

    def state(self) -> dict[str, Any]:
        """What it remembers: the best value so far, negated where higher is better, and that row's state by path.

        Nothing before the first row.
        """
        return {} if self._state is None else {"best": self._best, "state": _leaves(self._state)}

    def restore(self, saved: dict[str, Any]) -> None:
        """Have it go on from there at the next first moment."""
        self._resumed = saved


def _leaves(state: TrainState) -> dict[str, Any]:
    """The arrays by path, a key as its words."""
    return {dotted(path): _as_words(a) for path, a in jax.tree_util.tree_leaves_with_path(state)}


def _with_leaves(like: TrainState, leaves: dict[str, Any]) -> TrainState:
    """The state of these arrays, each placed as it is in one of the same structure."""

    def restored(path, a):
        saved = jnp.asarray(leaves[dotted(path)])
        if _is_key(a):
            saved = jax.random.wrap_key_data(saved, impl=jax.random.key_impl(a))
        return put(saved, a.sharding) if isinstance(a, jax.Array) else saved

    return jax.tree_util.tree_map_with_path(restored, like)


def _as_words(a):
    return jax.random.key_data(a) if _is_key(a) else a


def _is_key(a) -> bool:
    return jnp.issubdtype(a.dtype, jax.dtypes.prng_key)
