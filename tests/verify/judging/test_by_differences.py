"""Where autodiff says nothing, one-sided differences confirm, contradict, or say that they cannot."""

import numpy as np
import pytest

from funcnn.verify.judging._by_differences import Settled, settle
from funcnn.verify.judging._finite_differences import Scalar


def scalar(f, x):
    """A function of numbers one by one, summed, without autodiff."""
    x = np.asarray(x, np.float64)

    def phi(at):
        with np.errstate(all="ignore"):
            return float(np.sum(f(at)) - np.sum(f(x)))

    return Scalar(x, phi, lambda i, h: [0], lambda j: np.zeros(x.size), None, None)


def said(f, x, rule):
    places = range(len(x))
    return [one.settled for one in settle(scalar(f, x), np.asarray(rule, np.float64), places, np.random.default_rng(0))]


def linear_below_zero(x):
    return np.where(x > 0, np.sqrt(np.maximum(x, 0)), x)


@pytest.mark.parametrize(
    ("f", "x", "right", "wrong"),
    [
        (np.sin, 0.3, np.cos(0.3), 0.9 * np.cos(0.3)),
        (linear_below_zero, -0.5, 1.0, 2.0),
        (linear_below_zero, -1e-3, 1.0, 1.001),
        (lambda x: np.sinc(x), 0.0, 0.0, 0.01),
        (lambda x: np.full_like(x, 3.0), 1.0, 0.0, np.nan),
        (lambda x: 1e3 + 1e-3 * x, 1.0, 1e-3, 2e-3),
    ],
)
def test_a_slope_from_both_sides_confirms_or_contradicts(f, x, right, wrong):
    assert said(f, [x], [right]) == [Settled.RIGHT]
    assert said(f, [x], [wrong]) == [Settled.WRONG]


@pytest.mark.parametrize(("rule", "settled"), [(0.0, Settled.RIGHT), (0.5, Settled.WRONG), (np.nan, Settled.WRONG)])
def test_at_the_end_of_the_domain_the_slope_from_within_counts(rule, settled):
    assert said(lambda x: x**1.5, [0.0], [rule]) == [settled]


@pytest.mark.parametrize("rule", [-1.0, 0.0, 0.4, 1.0])
def test_any_slope_between_both_sides_is_right_at_a_kink(rule):
    assert said(np.abs, [0.0], [rule]) == [Settled.RIGHT]


@pytest.mark.parametrize("rule", [-1.01, 1.01, 2.0])
def test_no_other_slope_is_right_at_a_kink(rule):
    assert said(np.abs, [0.0], [rule]) == [Settled.WRONG_AT_A_KINK]


@pytest.mark.parametrize(
    "f",
    [
        np.sqrt,
        lambda x: x * np.log(np.where(x > 0, x, 1.0)),
        lambda x: np.sqrt(np.abs(x)),
        lambda x: np.cbrt(x),
        lambda x: (x > 0) * 1.0,
        np.log,
    ],
)
def test_where_there_is_no_slope_there_is_nothing_to_say(f):
    for rule in (0.0, 5.0, np.inf, np.nan):
        assert said(f, [0.0], [rule]) == [Settled.NO_SLOPE]


def test_what_jumps_all_the_time_is_not_settled():
    noisy = lambda x: np.sin(x) + 1e-3 * np.sin(1e9 * x)
    assert said(noisy, [0.3], [0.9]) == [Settled.UNSETTLED]
