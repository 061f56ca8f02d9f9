"""S6 and S10 find what half precision loses without need, and leave alone what float32 inside would lose as well."""

import jax
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
from tests.verify.scoring.seen import dtypes_unasked, half_inside, long_sums

pytestmark = pytest.mark.slow


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("case", dtypes_unasked.cases, ids=lambda case: case.name)
def test_a_dtype_that_nobody_asked_for_counts_at_the_example_s_own_scale(case):
    f, args = case.make()
    report = check(f, *args)
    assert report.status == ("fail" if case.fault else "pass"), str(report)


def test_what_is_off_further_out_is_a_note():
    f, args = dtypes_unasked.fourth_power_far_out()
    notes = [finding for finding in check(f, *args).findings if finding.stage == "S6"]
    assert {(finding.status, "float16" in finding.message) for finding in notes} == {("note", True)}


@pytest.mark.parametrize("name", ["projection_by_a_float32_constant", "bfloat16_beside_float32"])
def test_a_cotangent_in_the_dtype_of_a_promoted_result_is_a_note(name):
    f, args = getattr(dtypes_unasked, name)()
    notes = [finding for finding in check(f, *args, level="fast").findings if finding.stage == "S0"]
    assert {finding.status for finding in notes} == {"note"}
    assert all("bfloat16 argument has dtype float32" in finding.message for finding in notes)


def rule_that_raises_in(dtype):
    def fwd(x):
        if x.dtype == dtype:
            raise RuntimeError("not this dtype")
        return jnp.sin(x), x

    made = jax.custom_vjp(jnp.sin)
    made.defvjp(fwd, lambda x, y_bar: (jnp.cos(x) * y_bar,))
    return made


def test_a_rule_that_refuses_what_its_function_takes_is_told():
    """In the example's own dtype that is a failure, in a coarser one a note."""
    x = jnp.asarray([0.3, -1.2, 0.7], jnp.float32)
    noted = check(rule_that_raises_in(jnp.bfloat16), x, level="fast")
    assert noted.status == "pass", str(noted)
    assert any(f.status == "note" and "bfloat16" in f.message and "raises" in f.message for f in noted.findings)
    assert check(rule_that_raises_in(jnp.float16), x.astype(jnp.float16), level="fast").status == "fail"
