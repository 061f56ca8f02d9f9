"""Training that became NaN or inf: the error, and where the fault lies."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from .._core import PyTree
from .._paths import dotted
from ._state import TrainState

Progress = TypeVar("Progress")


class NonFiniteError(FloatingPointError):
    """The loss or a parameter became NaN or inf; ``state`` is the last good state, ``history`` what led there."""

    state: TrainState
    history: dict[str, Any]


def all_finite(tree: PyTree) -> jax.Array:
    """Whether every floating-point number is finite."""
    floating = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.array([jnp.isfinite(leaf).all() for leaf in floating]).all()


def last_good(run: Callable[[Progress, int], tuple[Progress, Any]], start: Progress, steps: int) -> Progress:
    """Where the step that makes a number NaN or inf begins, found by halving.

    Args:
      run: ``run(progress, steps) -> (progress, finite)``.
      start: progress from which that many steps end in a number that is not finite.
      steps: how many, at least 1.
    """
    while steps > 1:
        half = steps // 2
        after, finite = run(start, half)
        start, steps = (after, steps - half) if finite else (start, half)
    return start


def name_fault(values: PyTree) -> str:
    """The first leaf that is not finite by its path, and what it became; the first of all if all are."""
    faults = [(path, leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(values) if not all_finite(leaf)]
    path, leaf = faults[0]
    bad = np.asarray(leaf)[~np.isfinite(np.asarray(leaf))].flat[0]
    return f"{dotted(path)} became {bad}"
