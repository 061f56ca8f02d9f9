"""S6 and S10 find what half precision loses without need, and leave alone what float32 inside would lose as well."""

import jax.numpy as jnp
import numpy as np
import pytest

from funcnn.verify import check
from funcnn.verify.judging._tolerance import (
    SINGLE,
    Around,
    around_slack,
    coarse_slack,
    cotangent_slack,
    transformed_slack,
    value_slack,
)
from tests.verify.scoring.seen import half_inside, long_sums

pytestmark = pytest.mark.slow


@pytest.mark.rotating
@pytest.mark.parametrize("case", long_sums.cases, ids=lambda case: case.name)
def test_half_precision_is_held_to_what_float32_inside_gives(case):
    f, args = case.make()
    report = check(f, *args, level="full" if case.stage == "S10" else "fast")
    assert report.status == ("fail" if case.fault else "pass"), str(report)
    assert not case.fault or case.stage in {finding.stage for finding in report.findings}, str(report)


@pytest.mark.parametrize("length", [1, 257, 4099, 2**20])
def test_no_length_excuses_what_half_precision_loses(length):
    """A fifth of the largest element is too much, however many numbers were added up."""
    truth, peer = jnp.ones(8), jnp.zeros(8)
    assert (coarse_slack(truth, peer, 2**-8, 0.0, length) < 0.05).all()
    assert (coarse_slack(truth, peer, 2**-24, 0.0, length) < 0.01).all()


@pytest.mark.parametrize("u", [2**-24, 2**-11, 2**-8])
def test_no_size_of_an_exponent_excuses_a_wrong_digit(u):
    around = Around(moving=jnp.ones(8), exponent=1e9, usual=1.0, example=1.0)
    assert jnp.max(around_slack(jnp.ones(8), around, u)) < (0.02 if u < SINGLE else 0.05)


@pytest.mark.rotating
@pytest.mark.parametrize("case", half_inside.cases, ids=lambda case: case.name)
def test_a_half_inside_of_a_function_excuses_its_own_roundings_alone(case):
    f, args = case.make()
    report = check(f, *args, level="full" if "added up" in case.fault else "fast")
    assert report.status == ("fail" if case.fault else "pass"), str(report)


@pytest.mark.parametrize("u", [2**-11, 2**-8])
def test_roundings_to_half_precision_are_few(u):
    truth, noise = np.ones(8), np.zeros(8)
    assert (cotangent_slack(truth, noise, u, 1.0) <= 24 * u + 1e-9).all()
    assert (transformed_slack(truth, u) <= 16 * u).all()
    assert (value_slack(truth, u) <= 16 * u + 1e-9).all()
