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


def drawn(word, example=EXAMPLES, thresholds=()):
    """The inputs of every kind whose name has the word."""
    made = battery(example, (), np.random.default_rng(1), thresholds)
    return [floats for kind, floats in made if word in kind.name]


def test_log_uniform_numbers_have_the_signs_of_the_example():
    (floats,) = [
        floats for kind, floats in battery(EXAMPLES, (), np.random.default_rng(1)) if kind.name == "log-uniform"
    ]
    assert all(np.array_equal(np.sign(a), np.sign(b)) for a, b in zip(floats, EXAMPLES, strict=True))


def test_each_argument_is_tried_very_small_alone_and_all_at_once():
    for example in (EXAMPLES, EXAMPLES[:1]):
        all_at_once, *alone = drawn("x 1e-08", example)
        assert all(np.array_equal(a, b * 1e-8) for a, b in zip(all_at_once, example, strict=True))
        assert len(alone) == (len(example) if len(example) > 1 else 0)
        for i, floats in enumerate(alone):
            assert np.array_equal(floats[i], example[i] * 1e-8)
            assert all(np.array_equal(a, b) for j, (a, b) in enumerate(zip(floats, example, strict=True)) if j != i)


def test_numbers_lie_on_each_side_of_each_constant_of_the_rule_alone():
    """Of two constants, in an argument of two numbers, every distance with either sign."""
    numbers = np.concatenate([floats[1] for floats in drawn("both sides", thresholds=(0.25, 4.0))])
    for c in (0.25, 4.0, -0.25, -4.0):
        for side in (1e-7, -1e-7, 1e-3, -1e-3, 0.03, -0.03):
            assert np.isclose(numbers, c * (1 + side), rtol=1e-9).any(), (c, side)
