"""The history of a run: its rows, an epoch or an interval each, as arrays by column."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from .._core import PyTree
from .._html import element, notebook, table, table_row
from .._table import aligned

Rows = dict[str, PyTree]  # of NumPy arrays, [rows, ...], by column
_ENDS = 4  # how many rows of a long history are shown from its beginning, and how many from its end


class History(dict[str, PyTree]):
    """A dict of NumPy arrays ``[rows, ...]`` by column, which prints as a table; a notebook shows it as one."""

    def __repr__(self) -> str:
        rows = [list(self), *self._rows()]
        return aligned(rows, [True] * len(self)) if self else "History()"

    def _repr_html_(self) -> str:
        heads = (element("th", name, class_="number") for name in self)
        rows = [table_row(element("td", cell, class_="number") for cell in cells) for cells in self._rows()]
        return notebook(table(heads, rows, "history"))

    def _rows(self) -> list[list[str]]:
        """The cells of the first and the last rows, with a row of dots between."""
        n = min(map(len, self.values()), default=0)
        shown = [[_cell(column[i]) for column in self.values()] for i in range(n) if min(i, n - 1 - i) < _ENDS]
        return shown if n <= 2 * _ENDS else [*shown[:_ENDS], ["…"] * len(self), *shown[_ENDS:]]


jax.tree_util.register_pytree_with_keys(
    History,
    lambda history: (
        [(jax.tree_util.DictKey(name), history[name]) for name in sorted(history)],
        tuple(sorted(history)),
    ),
    lambda names, columns: History(zip(names, columns, strict=True)),
)


def _cell(value: Any) -> str:
    """A number with four digits; of anything larger its dtype and shape."""
    if np.ndim(value):
        return f"{value.dtype}{list(value.shape)}"
    return f"{value}" if np.issubdtype(np.asarray(value).dtype, np.integer) else f"{float(value):.4g}"


def join(parts: Sequence[Rows]) -> History:
    """The history that consists of these parts, which have the same columns."""
    columns = ([part[name] for part in parts] for name in parts[0])
    joined = (jax.tree.map(lambda *pieces: np.concatenate(pieces), *pieces) for pieces in columns)
    return History(zip(parts[0], joined, strict=True))


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
