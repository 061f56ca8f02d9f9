"""Finite differences decide which of two gradients is right, also at kinks, and say where they cannot."""

import numpy as np
import pytest

from funcnn.verify.judging._finite_differences import Scalar, slope_along
from funcnn.verify.judging._verdict import Outcome, decide


def scalar(f, slope, x, rule_row=None):
    """A function of numbers one by one, summed; its slope is autodiff's."""
    x = np.asarray(x, np.float64)
    gradient = lambda dx: slope(x + dx)
    return Scalar(
        x, lambda at: float(np.sum(f(at)) - np.sum(f(x))), lambda i, h: [0],
        (lambda j: rule_row) if rule_row is not None else (lambda j: slope(x)), lambda j, dx: gradient(dx), gradient,
        rounding=float(np.sum(np.spacing(np.abs(f(x))))),
    )  # fmt: skip


def decided(of, rule, autodiff):
    rule, autodiff = (np.asarray(a, np.float64) for a in (rule, autodiff))
    return decide(of, rule, autodiff, rule != autodiff, np.random.default_rng(0))


SINE = scalar(np.sin, np.cos, [0.3, -1.2])
TRUE = np.cos(SINE.x)


def test_at_a_smooth_point_the_wrong_rule_fails():
    verdict = decided(SINE, TRUE * [1.0, 1.01], TRUE)
    assert (verdict.status, verdict.why, verdict.place) == ("fail", Outcome.AUTODIFF_RIGHT.value, 1)
    assert verdict.expected == pytest.approx(TRUE[1])


def test_where_autodiff_is_wrong_the_rule_is_confirmed():
    verdict = decided(SINE, TRUE, 2 * TRUE)
    assert (verdict.status, verdict.smooth) == ("pass", True)


def test_steps_that_are_lost_in_rounding_show_no_slope_of_0():
    """sin(x)/x near 0, of which autodiff is a difference of two numbers near 1/x."""
    x = np.array([1e-8, 1.0])
    right = np.array([-1e-8 / 3, np.cos(1.0) - np.sin(1.0)])
    wrong = right + np.array([1e-8, 0.0])
    cancelled = lambda x: (np.cos(x) - np.sin(x) / x) / x
    verdict = decided(scalar(lambda x: np.sin(x) / x, cancelled, x), right, wrong)
    assert (verdict.status, verdict.smooth) == ("pass", True)
    assert decided(scalar(lambda x: np.sin(x) / x, cancelled, x), wrong, right).status == "fail"


def test_where_all_differ_nothing_is_decided():
    wrong = SINE._replace(autodiff=lambda dx: 2 * TRUE)
    assert decided(wrong, 3 * TRUE, 2 * TRUE).status == "inconclusive"


def test_autodiff_beside_the_point_counts_where_it_has_a_tie_at_the_point():
    verdict = decided(SINE, 3 * TRUE, 2 * TRUE)
    assert (verdict.status, verdict.why) == ("fail", Outcome.AUTODIFF_RIGHT_BESIDE.value)


def test_where_the_function_is_not_finite_there_is_nothing_to_say():
    pole = scalar(lambda x: np.full_like(x, np.nan), lambda x: x, [0.5])
    assert decided(pole, [1.0], [2.0])[:2] == ("pass", "")


def absolute(rule_row):
    return scalar(np.abs, np.sign, [0.0, 1.0], np.array([rule_row, 1.0]))


@pytest.mark.parametrize("share", [-1.0, 0.3, 1.0])
def test_any_subgradient_passes_at_a_kink(share):
    verdict = decided(absolute(share), [share, 1.0], [0.0, 1.0])
    assert (verdict.status, verdict.why) == ("pass", "at a kink, a subgradient")


@pytest.mark.parametrize("share", [-1.001, 1.001, 2.0, np.nan])
def test_no_more_than_a_subgradient_passes_at_a_kink(share):
    verdict = decided(absolute(share), [share, 1.0], [0.0, 1.0])
    assert (verdict.status, verdict.kink, verdict.place) == ("fail", True, 0)


def test_without_autodiff_a_kink_is_not_settled():
    assert decided(absolute(0.3)._replace(autodiff_row=None), [0.3, 1.0], [0.0, 1.0]).status == "inconclusive"


def test_a_slope_along_a_direction_is_not_known_at_a_kink():
    assert slope_along(SINE, np.array([1.0, 0.0]))[0] == pytest.approx(TRUE[0])
    assert slope_along(absolute(0.3), np.array([1.0, 0.0]))[1] == np.inf
