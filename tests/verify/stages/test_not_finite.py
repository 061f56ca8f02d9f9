"""Where autodiff is not finite, finite differences judge, and what neither of the two knows is said."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn.verify import check
from tests.helpers.case import pointwise

pytestmark = pytest.mark.slow

VECTOR = jnp.asarray(np.random.default_rng(7).normal(size=6), jnp.float32)


def root_or_line(x):
    """√x above 0, and x below, where autodiff of the root is NaN."""
    return jnp.where(x > 0, jnp.sqrt(x), x).astype(x.dtype)


def slope_of_root_or_line(below):
    return lambda x: jnp.where(x > 0, 0.5 / jnp.sqrt(jnp.where(x > 0, x, 1.0)), below).astype(x.dtype)


def test_where_autodiff_is_not_finite_finite_differences_judge():
    below = -jnp.abs(VECTOR)
    wrong = check(pointwise(root_or_line, slope_of_root_or_line(2.0)), below, level="fast")
    assert {f.stage for f in wrong.findings if f.status == "fail"} >= {"S2", "S3"}, wrong
    assert "finite differences agree against it, where autodiff says nothing" in str(wrong)
    right = check(pointwise(root_or_line, slope_of_root_or_line(1.0)), below, level="fast")
    assert right.status == "pass", right
    assert dict(right.compared)["S2 Jacobian"] > 6


def test_where_differences_cannot_judge_either_the_report_is_inconclusive():
    """In half precision a difference sees steps and not slopes."""
    half = lambda x: root_or_line(x.astype(jnp.bfloat16)).astype(x.dtype)
    report = check(pointwise(half, slope_of_root_or_line(1.0)), -jnp.abs(VECTOR), level="fast")
    assert report.status == "inconclusive", report
    assert "nothing to compare with: autodiff is not finite and finite differences are not steady, for x" in str(report)


def test_a_second_derivative_of_0_is_a_rounding():
    square_over = lambda x: jnp.where(x == 0, 0.0, x * x / x).astype(x.dtype)
    assert check(pointwise(square_over, jnp.ones_like), VECTOR, level="fast").status == "pass"
    off = pointwise(square_over, lambda x: 1 + 1e-11 * (x - jax.lax.stop_gradient(x)))
    assert [f.stage for f in check(off, VECTOR, level="fast").findings if f.status != "note"] == ["S8"]


def test_a_rule_that_is_not_finite_where_autodiff_is_not_either_fails_at_the_example_alone():
    """The battery has zeros, where x²/x has the slope 1 and neither of the two knows it."""
    square_over = lambda x: jnp.where(x == 0, 0.0, x * x / x).astype(x.dtype)
    naive = pointwise(square_over, lambda x: x / x)
    assert check(naive, VECTOR, level="fast").status == "pass"
    report = check(naive, VECTOR.at[0].set(0.0), level="fast")
    assert [f.stage for f in report.findings if f.status == "fail"] == ["S2"], report
