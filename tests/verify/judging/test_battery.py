"""Kinds of inputs are data: nothing is looked up by what a report calls them."""

import ast
from pathlib import Path

import numpy as np
import pytest

import funcnn as fn
from funcnn.verify.judging import _battery
from funcnn.verify.judging._battery import BARS, EXAMPLE, KINDS, battery

VERIFY = Path(fn.verify.__file__).parent
EXAMPLES = (np.array([[0.5, -1.0], [2.0, 0.1]]), np.array([1.0, 1.0]))


def words(source):
    """The constant texts of some code, without its docstrings."""
    tree = ast.parse(source)
    texts = {id(n): n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            texts.pop(id(node.value), None)
    return set(texts.values())


def test_no_code_knows_a_kind_by_its_name():
    names = {kind.name for kind in KINDS} | {_battery.THOUSANDS.name}
    for path in {
        *(VERIFY / "stages").glob("*.py"),
        *(VERIFY / "judging").glob("*.py"),
        *(VERIFY / "mutate").glob("*.py"),
    }:
        if path != Path(_battery.__file__):
            assert not words(path.read_text()) & names, path


def test_a_name_in_code_is_seen():
    assert words('"""normal"""\ntied = {"normal x 30", "zeros"}') == {"normal x 30", "zeros"}


def test_names_differ():
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert len({bar.name for bar in BARS}) == len(BARS)


def test_there_are_kinds_with_ties_and_kinds_near_the_example():
    """S8 looks at every kind with ties, and a loop that may never end is tried at those near the example alone."""
    assert EXAMPLE.near
    assert 2 <= sum(kind.near for kind in KINDS) < len(KINDS) / 2
    assert 2 <= sum(kind.ties for kind in KINDS) < len(KINDS) / 2


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_draw_has_the_shape_of_the_example(kind):
    for a in EXAMPLES:
        assert kind.draw(np.random.default_rng(0), a).shape == a.shape


def test_the_same_seed_draws_the_same_inputs():
    one, two = (list(battery(EXAMPLES, (0.5, 3.0), np.random.default_rng(1))) for _ in range(2))
    assert [kind.name for kind, _ in one] == [kind.name for kind, _ in two]
    for (_, a), (_, b) in zip(one, two, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    assert any("constants" in kind.name for kind, _ in one)
    assert any("argument 1" in kind.name for kind, _ in one)
