"""The judge flags what rounding does not explain and nothing else, and knows of neither JAX nor of whom it judges."""

import ast
from pathlib import Path

import numpy as np
import pytest

import funcnn as fn
from funcnn.verify.judging import _judge
from funcnn.verify.judging._judge import beyond, defined, first_index, judge, wrong_value
from funcnn.verify.judging._point import Measured, Point
from funcnn.verify.judging._tolerance import CANCELLING, KINK_JUMP, LARGEST, NEARBY, OWN, Tolerance
from tests.helpers.imports import graph_of

EPS = 2.0**-53
X = np.array([0.5, -1.0, 2.0])
TRUTH = np.array([1.0, 1e-3, 0.0])


def measured(rule, truth=TRUTH, noise=0.0, x=X, outputs=(1.0,), values=(1.0,)):
    point = Point("", (x,), (), (np.ones(1),))
    noise = np.broadcast_to(noise, truth.shape)
    return Measured(point, [np.array(outputs)], [rule], [np.array(values)], [truth], [noise])


def moved(i, by, truth=TRUTH):
    """The truth with one number off by that much."""
    return truth + np.where(np.arange(truth.size) == i, by, 0.0)


def judged(rule, cancelling=0.0, **given):
    return judge(measured(rule, **given), Tolerance(EPS, (cancelling,)))


def test_what_is_right_is_not_wrong():
    assert not judged(TRUTH).wrong.any()


@pytest.mark.parametrize("by", [1e-9, -1.0, np.inf, np.nan])
@pytest.mark.parametrize("i", range(3))
def test_one_wrong_number_is_found_where_it_is(i, by):
    judgement = judged(moved(i, by))
    assert list(np.flatnonzero(judgement.wrong)) == [i]
    assert not judgement.at_kinks


# What else is measured, and how far the last number may then be off.
SLACKS = {
    "its own size": ({"truth": np.array([1.0, 1e-3, 1.0])}, EPS * (OWN + LARGEST)),
    "the largest number": ({}, EPS * LARGEST),
    "terms that cancel": ({"cancelling": 1e6}, EPS * (LARGEST + 1e6 * CANCELLING)),
    "what moves nearby": ({"noise": 1e-6}, NEARBY * 1e-6),
}


@pytest.mark.parametrize("name", SLACKS)
def test_each_term_excuses_so_much_and_no_more(name):
    given, slack = SLACKS[name]
    truth = given.get("truth", TRUTH)
    assert not judged(moved(2, 0.99 * slack, truth), **given).wrong.any()
    assert judged(moved(2, 1.01 * slack, truth), **given).wrong.any()


def test_a_movement_as_large_as_a_jump_excuses_only_what_lies_at_a_kink():
    jump = 2 * KINK_JUMP
    judgement = judged(moved(0, jump), noise=np.array([jump, 0.0, 0.0]))
    assert list(judgement.wrong) == [True, False, False]
    assert judgement.at_kinks


def test_where_the_truth_is_unknown_nothing_is_wrong():
    assert not judged(np.ones(3), truth=np.full(3, np.nan)).wrong.any()


@pytest.mark.parametrize(("share", "only_at_a_kink"), [(0.1, True), (0.01, False)])
def test_where_rounding_makes_any_number_of_the_truth_no_number_is_not_wrong(share, only_at_a_kink):
    judgement = judged(moved(1, np.nan), noise=share * np.abs(TRUTH))
    assert judgement.at_kinks is only_at_a_kink
    assert judgement.wrong[1]


def test_by_an_infinite_number_only_nan_is_wrong():
    x = np.array([np.inf, 1.0, 1.0])
    assert not judged(moved(0, 1.0), x=x).wrong.any()
    assert judged(moved(0, np.nan), x=x).wrong[0]


@pytest.mark.parametrize(
    ("x", "y", "fine"), [(1.0, np.inf, True), (1.0, np.nan, False), (np.inf, np.inf, False), (np.inf, 1.0, True)]
)
def test_infinite_values_are_values_of_finite_arguments_alone(x, y, fine):
    assert defined(measured(TRUTH, x=np.full(3, x), outputs=(y,)), referenced=False) is fine
    assert defined(measured(TRUTH, x=np.full(3, x), values=(y,)), referenced=False) is fine


@pytest.mark.parametrize(
    ("x", "y", "fine"),
    [(-np.inf, -np.inf, True), (-np.inf, 1.0, True), (-np.inf, np.inf, False), (-np.inf, np.nan, False),
     (np.inf, -np.inf, False), (np.inf, np.inf, False), (np.inf, 1.0, True)],
)  # fmt: skip
def test_for_a_reference_the_logarithm_of_0_is_a_number(x, y, fine):
    assert defined(measured(TRUTH, x=np.array([1.0, x, 2.0]), outputs=(y,)), referenced=True) is fine


def test_a_value_of_fwd_is_held_to_the_function_s():
    value = np.array([1.0, np.inf, np.nan], np.float32)
    assert not wrong_value(value, value, 2.0**-24).any()
    assert list(wrong_value(value + np.float32(1e-3), value, 2.0**-24)) == [True, False, False]


def test_what_is_judged_is_compared_in_double_precision():
    assert not judged(np.array([65504.0], np.float16), truth=np.array([65504.0]), x=X[:1]).wrong.any()
    assert judged(np.array([65504.0], np.float16), truth=np.array([65505.0]), x=X[:1]).wrong.all()


def test_complex_numbers_are_compared_whole():
    z = np.array([1.0 + 2.0j])
    assert not beyond(z, z, 0.0).any()
    assert beyond(z, z.real + 0.0j, 1.0).all()
    assert first_index(np.array([[False, False], [False, True]])) == (1, 1)


@pytest.mark.slow
def test_it_stands_on_numpy_alone():
    package = Path(fn.__file__).parent
    graph, reached, new = graph_of(package), set(), {Path(_judge.__file__)}
    while new:
        reached |= new
        new = set().union(*(graph[path] for path in new)) - reached
    assert {path.stem for path in reached} == {"_judge", "_point", "_tolerance"}
    for path in reached:
        imports = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, (ast.Import, ast.ImportFrom))]
        names = [
            name for n in imports for name in ([a.name for a in n.names] if isinstance(n, ast.Import) else [n.module])
        ]
        foreign = {name.split(".")[0] for name, n in zip(names, imports, strict=True) if not getattr(n, "level", 0)}
        assert foreign <= {"numpy", "typing", "collections"}, path
