"""The tolerance of an audit: what autodiff's own answers leave open passes, and anything beyond fails."""

import jax.numpy as jnp
import numpy as np
import pytest

from funcnn.verify.audit._nearby import AS_GIVEN, CLOSE, FURTHER, precision
from funcnn.verify.audit._tolerance import judge

SINGLE, HALF = 2.0**-23, 2.0**-7
TRUTH = np.array([1.0, -0.5, 0.25], np.float32)


def moved(*by):
    """The truth with something added to each element."""
    return np.add(TRUTH, by)


def nearby(*close, as_given=TRUTH):
    """Autodiff's answers at and about a point: those given close by, and the truth everywhere else."""
    stacked = np.tile(TRUTH, (AS_GIVEN + 1, 1))
    for row, answer in zip(stacked[CLOSE][1:], close, strict=False):
        row[:] = answer
    stacked[AS_GIVEN] = as_given
    return jnp.asarray(stacked)


def wrong(got, near, u=SINGLE):
    return int(judge([jnp.asarray(got, jnp.float32)], [near], u)[1])


@pytest.mark.parametrize("u", [SINGLE, HALF])
def test_roundings_pass_and_much_more_fails(u):
    assert wrong(TRUTH * (1 + 4 * u), nearby(), u) == 0
    assert wrong(TRUTH * (1 + 200 * u), nearby(), u) == len(TRUTH)


def test_an_element_is_given_roundings_of_the_largest():
    assert wrong(moved(0, 0, 30 * SINGLE), nearby()) == 0
    assert wrong(moved(0, 0, 60 * SINGLE), nearby()) == 1


def test_what_the_point_leaves_open_passes():
    near = nearby(moved(0, 1e-5, 0), moved(0, -1e-5, 0))
    assert wrong(moved(0, 3e-4, 0), near) == 0
    assert wrong(moved(0, 5e-4, 0), near) == 1
    assert wrong(moved(3e-4, 0, 0), near) == 1


def test_at_a_kink_all_between_its_sides_passes():
    near = nearby(moved(0, 0, 1), moved(0, 0, -1))
    assert wrong(moved(0, 0, 0.6), near) == 0
    assert wrong(moved(0, 0, 2.5), near) == 1  # beyond the other side by more than the largest


def test_what_does_not_cancel_there_and_back_is_autodiff_s_own_rounding():
    near = np.array(nearby())
    assert wrong(moved(0, 1e-3, 0), jnp.asarray(near)) == 1
    near[FURTHER][0, 1] += 1e-4
    assert wrong(moved(0, 1e-3, 0), jnp.asarray(near)) == 0


def test_autodiff_s_error_in_half_precision_is_allowed_three_times():
    near = nearby(as_given=moved(0, 0.2, 0))
    assert wrong(moved(0, 0.5, 0), near, HALF) == 0
    assert wrong(moved(0, 0.8, 0), near, HALF) == 1


def test_nothing_is_judged_where_autodiff_is_not_finite_and_nan_fails_elsewhere():
    errors, number, judged = judge([jnp.full(3, jnp.nan)], [nearby().at[CLOSE, 1].set(jnp.inf)], SINGLE)
    assert (int(number), int(judged)) == (2, 2)
    assert errors > 1e30


def test_the_precision_is_that_of_the_coarsest_number():
    through_half = lambda args: args[0].astype(jnp.bfloat16).astype(jnp.float64)
    assert precision(through_half, [jnp.ones(2)]) == HALF
    assert precision(lambda args: args[0] * 2, [jnp.ones(2, jnp.float32)]) == SINGLE
    assert precision(lambda args: args[0] * 2, [jnp.ones(2, jnp.float64)]) == 2.0**-52
