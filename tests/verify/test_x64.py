"""A rule is judged under the caller's own setting of x64; how it differs under the other one is a note."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn.verify import check
from tests.helpers.case import settings
from tests.verify.scoring.seen.default_dtypes import cases, cotangent_by_eye, running_squares_from_a_single_zero

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", cases, ids=lambda case: case.name)
def test_arrays_of_the_default_dtype_are_no_fault_without_x64(case):
    with settings(case):
        f, args = case.make()
        report = check(f, *args, level="fast")
    assert report.status == ("fail" if case.fault else "pass"), str(report)


def test_the_other_setting_is_a_note_and_the_callers_own_a_failure():
    f, args = cotangent_by_eye()
    with jax.enable_x64(False):
        (note,) = [finding for finding in check(f, *args, level="fast").findings if finding.stage == "S0"]
    assert (note.status, note.argument) == ("note", "x")
    assert "under x64 the cotangent of a float32 argument has dtype float64" in note.message
    assert "of a bfloat16 argument has dtype float32" in note.message
    with jax.numpy_dtype_promotion("standard"):
        failures = [finding for finding in check(f, *args, level="fast").findings if finding.status == "fail"]
    assert [finding.message for finding in failures] == ["the cotangent of a float32 argument has dtype float64:"]


def test_a_numpy_argument_has_the_dtype_that_jax_gives_it():
    """Its own is float64, in which a loop that starts from a float32 zero raises; that is a fault under x64 alone."""
    f, (x,) = running_squares_from_a_single_zero()
    with jax.enable_x64(False):
        assert check(f, np.float64(x), level="fast").status == "pass"
    with pytest.raises(ValueError, match=r"got float64.*: f raises"):
        check(f, np.float64(x), level="fast")


@pytest.mark.parametrize("met_before", [False, True])
@pytest.mark.parametrize(("factor", "status"), [(1, "pass"), (2, "fail")])
def test_numpy_numbers_of_a_rule_are_no_fault_though_jax_keeps_them_in_the_dtype_that_it_met_first(
    factor, status, met_before
):
    weights = np.array([1.0, 2.0, 3.0])
    f = jax.custom_vjp(lambda x: jnp.sin(x) * weights)
    f.defvjp(lambda x: (jnp.sin(x) * weights, x), lambda x, g: (g * weights * jnp.cos(x) * factor,))
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        x = jnp.arange(3.0)
        jax.grad(lambda x: jnp.sum(f(x)))(x) if met_before else None
        report = check(f, x, level="fast")
    assert report.status == status, str(report)
