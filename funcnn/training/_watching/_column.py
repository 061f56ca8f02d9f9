"""The column of a history that a watcher judges by: whether it is there, and which of its values is better."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

_LOWER = "loss", "error", "perplexity", "norm"
_HIGHER = "accuracy", "precision", "recall", "f1", "auc", "r2", "top"


def sign_of(watcher: str, name: str, mode: str | None) -> int:
    """1 if a column is better the lower it is, -1 if the higher; by its mode, or by what its name contains.

    Raises:
      TypeError, ValueError: name or mode is not as described, or there is no mode and the name says nothing.
    """
    if not isinstance(name, str):
        raise TypeError(f"{watcher}: name must be a column of the history such as 'val_loss', got {name!r}")
    if mode not in (None, "min", "max"):
        raise ValueError(f"{watcher}: mode must be 'min', 'max' or None, got {mode!r}")
    if mode is not None:
        return 1 if mode == "min" else -1
    signs = {sign for words, sign in ((_LOWER, 1), (_HIGHER, -1)) if any(word in name.lower() for word in words)}
    if len(signs) != 1:
        raise ValueError(
            f"{watcher}: mode must be 'min' or 'max' for {name!r}, whose name does not say which is better"
        )
    return signs.pop()


def require_column(watcher: str, name: str, values: Mapping[str, Any]) -> None:
    """Raise ValueError unless there is such a column, with one number a row; the message names the columns there are."""
    if name not in values:
        like = get_close_matches(name, values, n=1)
        meant = f": did you mean {like[0]!r}?" if like else ""
        raise ValueError(f"{watcher}: name must be a column of the history, {', '.join(values)}, got {name!r}{meant}")
    if values[name].ndim != 1:
        shape = list(values[name].shape[1:])
        raise ValueError(f"{watcher}: name must be a column of one number a row, got {name!r} with {shape} a row")
