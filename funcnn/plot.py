"""Pictures, by matplotlib, which comes with the extra ``plot``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._extras import extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NOT_DRAWN = {"step", "epoch", "seconds", "examples_per_second", "compilations"}
_WIDE = 50  # from which ratio of the largest to the smallest value on an axis is logarithmic


def history(history: Mapping[str, Any]) -> "Figure":
    """Draw the columns of a history, each beside that of validation, over epochs or steps.

    Args:
      history: what `fit` returns. Columns of more than a number a row are left out.

    Returns:
      A figure of matplotlib: ``figure.savefig("history.png")``.

    Raises:
      ImportError: matplotlib is not installed.
      TypeError: history is not a dict.
      ValueError: there is no row.

    Example:
      >>> x, y = jnp.eye(2), jnp.array([[1.0], [0.0]])
      >>> _, history = fit(linear(1), losses.squared_error, optax.sgd(0.1), (x, y), epochs=3, key=jax.random.key(0),
      ...                  validation=(x, y), progress=False)
      >>> [axes.get_title() for axes in plot.history(history).axes]
      ['loss']
    """
    if not isinstance(history, Mapping):
        raise TypeError(f"history must be a dict of columns, as fit returns, got {type(history).__name__}")
    drawn = {name: np.asarray(a, float) for name, a in history.items() if np.ndim(a) == 1 and name not in _NOT_DRAWN}
    if not any(map(len, drawn.values())):
        raise ValueError("history must have a row, got none")
    names = [name for name in drawn if not (name.startswith("val_") and name.removeprefix("val_") in drawn)]
    names.sort(key=lambda name: name != "loss")
    across = min(3, len(names))
    down = -(-len(names) // across)
    figure = extra("matplotlib.figure", "plot").Figure(figsize=(4 * across, 3 * down), layout="constrained")
    label, places = _places(history)
    for axes, name in zip(figure.subplots(down, across, squeeze=False).flat, names, strict=False):
        curves = {"training": drawn[name]} | ({"validation": drawn[f"val_{name}"]} if f"val_{name}" in drawn else {})
        _draw(axes, name, curves, label, places)
    for axes in figure.axes[len(names) :]:
        axes.remove()
    return figure


def _places(history: Mapping[str, Any]) -> tuple[str, np.ndarray]:
    """What the rows are counted by, and each row's number: epochs if each row has one of its own from 1 on, or steps."""
    rows = len(next(iter(history.values())))
    epochs = np.asarray(history.get("epoch", ()))
    if len(epochs) == rows and (np.diff(epochs, prepend=0) > 0).all():
        return "epoch", epochs
    return ("step", np.asarray(history["step"])) if "step" in history else ("row", np.arange(1, rows + 1))


def _draw(axes, name, curves, label, places):
    for kind, values in curves.items():
        axes.plot(places, values, label=kind, marker="." if len(values) < 30 else None)
    values = np.concatenate(list(curves.values()))
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > _WIDE * values.min():
        axes.set_yscale("log")
    axes.set(title=name, xlabel=label)
    axes.grid(alpha=0.3)
    if len(curves) > 1:
        axes.legend()
