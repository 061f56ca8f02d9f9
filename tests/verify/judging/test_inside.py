"""Numbers that leave a domain are replaced one by one, and inputs go up to its edge."""

import numpy as np
import pytest

from funcnn.verify.judging._inside import before_the_edge, moved_inside


def of_elements(floats):
    with np.errstate(invalid="ignore", divide="ignore"):
        return [np.log(floats[0])]


def of_gap(floats):
    with np.errstate(invalid="ignore", divide="ignore"):
        return [np.sum(np.log(floats[0] - floats[1]))]


def of_ball(floats):
    with np.errstate(invalid="ignore", divide="ignore"):
        return [np.log(1 - np.sum(floats[0] ** 2))]


EXAMPLE = (np.array([1.0, 2.0, 3.0, 4.0]),)


def test_only_what_leaves_the_domain_is_replaced():
    (a,) = moved_inside((np.array([5.0, -6.0, 7.0, -8.0]),), EXAMPLE, of_elements)
    assert a.tolist() == [5.0, 2.0, 7.0, 4.0]


def test_a_sum_shows_no_place_and_still_most_is_kept():
    example = (np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(4))
    moved = moved_inside((np.array([5.0, -6.0, 7.0, 8.0]), np.array([0.5, 0.0, 9.0, 0.5])), example, of_gap)
    assert moved is not None
    assert np.isfinite(of_gap(moved)).all()
    assert sum((a != b).sum() for a, b in zip(moved, example, strict=True)) >= 4


def test_nothing_is_made_of_what_lies_outside_altogether():
    assert moved_inside((-np.ones(4),), EXAMPLE, of_elements) is None


def test_an_argument_of_no_elements_and_a_number():
    moved = moved_inside((np.float64(-1.0), np.ones(0)), (np.float64(2.0), np.ones(0)), lambda fs: of_elements(fs))
    assert moved is None


@pytest.mark.parametrize(
    ("values", "example", "drawn", "distance"),
    [
        (of_elements, EXAMPLE[0], np.array([-5.0, -6.0, 7.0, -8.0]), lambda a: a.min()),
        (of_ball, np.array([0.1, 0.2]), np.array([3.0, 4.0]), lambda a: 1 - np.sum(a**2)),
    ],
)
def test_inputs_go_up_to_the_edge(values, example, drawn, distance):
    there = list(before_the_edge((drawn,), (example,), values))
    assert all(not np.isnan(values(floats)).any() for floats in there)
    distances = [distance(floats[0]) for floats in there]
    assert distances == sorted(distances, reverse=True)
    assert 0 < distances[-1] < 1e-6
