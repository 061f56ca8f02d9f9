"""A picture of a history has a panel a column, training and validation together."""

import sys

import numpy as np
import pytest

import funcnn as fn

ROWS = {
    "step": np.array([5, 10, 15]), "epoch": np.array([1, 2, 3]), "seconds": np.ones(3),
    "accuracy": np.array([0.1, 0.5, 0.9]), "loss": np.array([3.0, 2.0, 0.01]),
    "val_accuracy": np.array([0.1, 0.4, 0.8]), "val_loss": np.array([3.0, np.nan, 1.0]),
    "confusion": np.ones((3, 2, 2)), "learning_rate": np.ones(3), "val_only": np.ones(3),
}  # fmt: skip


def test_each_column_has_a_panel():
    panels = {axes.get_title(): axes for axes in fn.plot.history(ROWS).axes}
    assert list(panels) == ["loss", "accuracy", "learning_rate", "val_only"]
    loss = panels["loss"]
    assert [line.get_label() for line in loss.lines] == ["training", "validation"]
    assert loss.lines[0].get_xydata().tolist() == [[1, 3], [2, 2], [3, 0.01]]
    assert loss.get_yscale() == "log"
    assert loss.get_xlabel() == "epoch"
    assert panels["accuracy"].get_yscale() == "linear"


@pytest.mark.parametrize(("steps", "epochs"), [([5, 10], [1, 1]), ([90], [0])])
def test_rows_within_an_epoch_are_drawn_over_steps(steps, epochs):
    rows = {"step": np.array(steps), "epoch": np.array(epochs), "loss": np.ones(len(steps))}
    (axes,) = fn.plot.history(rows).axes
    assert axes.get_xlabel() == "step"
    assert axes.lines[0].get_xdata().tolist() == steps


def test_nothing_to_draw_and_no_matplotlib_are_named(monkeypatch):
    with pytest.raises(ValueError, match="history must have a row, got none"):
        fn.plot.history({"loss": np.ones(0)})
    with pytest.raises(TypeError, match="history must be a dict of columns, as fit returns, got int"):
        fn.plot.history(3)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'funcnn\[plot\]'"):
        fn.plot.history(ROWS)
