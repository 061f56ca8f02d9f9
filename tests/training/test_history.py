"""A history is a dict of arrays, and shows itself as a short table."""

import json

import jax
import numpy as np

from funcnn.training._history import History, join

PARTS = [
    {"step": np.array([1, 2]), "loss": np.float32([0.5, 0.25]), "counts": np.ones((2, 3), int)},
    {"step": np.array([3]), "loss": np.float32([np.nan]), "counts": np.ones((1, 3), int)},
]
HISTORY = join(PARTS)


def test_it_is_a_dict_of_arrays():
    assert isinstance(HISTORY, dict)
    assert list(HISTORY) == ["step", "loss", "counts"]
    assert HISTORY["step"].tolist() == [1, 2, 3]
    assert HISTORY["counts"].shape == (3, 3)
    doubled = jax.tree.map(lambda a: 2 * a, HISTORY)
    assert isinstance(doubled, History)
    assert doubled["step"].tolist() == [2, 4, 6]
    assert json.loads(json.dumps({name: a.tolist() for name, a in HISTORY.items()}))["step"] == [1, 2, 3]


def test_it_prints_as_a_table():
    assert str(HISTORY) == (
        "step  loss    counts\n"
        "   1   0.5  int64[3]\n"
        "   2  0.25  int64[3]\n"
        "   3   nan  int64[3]"
    )  # fmt: skip
    assert str(History()) == "History()"


def test_a_long_one_shows_its_beginning_and_its_end():
    lines = str(History(loss=np.arange(100.0))).splitlines()
    assert lines == ["loss", "   0", "   1", "   2", "   3", "   …", "  96", "  97", "  98", "  99"]
    assert len(str(History(loss=np.arange(8.0))).splitlines()) == 9


def test_a_notebook_shows_it_as_a_table():
    html = HISTORY._repr_html_()
    assert html.count("<tr>") == 4
    assert ">0.25</td>" in html
    assert ">loss</th>" in html
