"""The history of a run: its rows, an epoch or an interval each, as arrays by column."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import PyTree

History = dict[str, PyTree]  # of NumPy arrays, [rows, ...]


def join(parts: list[History]) -> History:
    """The history that consists of these parts, which have the same columns."""
    import jax

    return jax.tree.map(lambda *pieces: np.concatenate(pieces), *parts)


def later(seconds: float) -> Callable[[Any], Any]:
    """A function that adds to each moment what training took before."""
    return lambda moment: moment._replace(seconds=moment.seconds + seconds)


def timed() -> Callable[[Any], Any]:
    """A function that adds to each moment's rows when they ended, and how many examples a second they took.

    Rows of one moment took the same time each. Validation counts for the first, not for the second.
    """
    spent, examples = 0.0, 0

    def add(moment):
        nonlocal spent, examples
        spent, examples = spent + moment.spent, examples + moment.examples
        earlier = np.arange(moment.rows)[::-1]
        seconds = moment.seconds - moment.spent * earlier / max(1, moment.rows)
        rate = np.full(moment.rows, examples / spent if spent else np.nan)
        if moment.rows:
            spent, examples = 0.0, 0
        return moment._replace(values=moment.values | {"seconds": seconds, "examples_per_second": rate})

    return add
