"""The rules that JAX ships are a part of the truth of compare, check and audit, unless everything is asked for."""

import jax
import jax.numpy as jnp
import pytest

import funcnn as fn
from funcnn.verify import audit, check, compare
from tests.helpers.case import pointwise
from tests.verify.scoring.seen.rules_of_jax import softplus_by_logaddexp, softplus_by_logaddexp_flat_at_zero

pytestmark = pytest.mark.slow

INPUTS = jnp.array([[0, 0], [0, 1], [1, 0], [1, 1]], jnp.float32)
TARGETS = jnp.array([[0], [1], [1], [0]], jnp.float32)


def xor(activation):
    """A loss on the XOR of two bits, whose biases are 0: so is what goes into the activation at the first row."""
    model = fn.serial(fn.linear(8), activation, fn.linear(1))
    params = model.init(jax.random.key(0), INPUTS)
    assert not params[0]["b"].any()
    return lambda params, x: jnp.mean((model.apply(params, x) - TARGETS) ** 2), params, INPUTS


RIGHT = {
    "relu": fn.relu,
    "softplus": fn.softplus,
    "log_sigmoid": fn.log_sigmoid,
    "relu of JAX": jax.nn.relu,
    "relu6 of JAX": jax.nn.relu6,
    "softplus of JAX": jax.nn.softplus,
    "log_sigmoid of JAX": jax.nn.log_sigmoid,
    "logaddexp": lambda x: jnp.logaddexp(x, 0),
    "a rule over logaddexp": softplus_by_logaddexp()[0],
    "a rule over relu of JAX": pointwise(jax.nn.relu, lambda x: (x > 0).astype(x.dtype)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_at_exactly_zero_agree(name):
    report = compare(*xor(RIGHT[name]))
    assert report.ok, str(report)


@pytest.mark.slow
def test_a_wrong_slope_at_exactly_zero_is_found_by_each():
    wrong = softplus_by_logaddexp_flat_at_zero()[0]
    assert not compare(*xor(wrong)).ok
    assert [row.status for row in audit(*xor(wrong)).rows if row.name != "linear"] == ["fail"]
    assert check(wrong, jnp.array([-1.0, 0.5, 2.0], jnp.float32), level="fast").status == "fail"


@pytest.mark.slow
def test_everything_takes_the_rules_of_jax_as_those_under_test():
    x = jnp.array([-1.0, 0.0, 2.0], jnp.float32)
    reports = [compare(*xor(jax.nn.softplus), everything=e) for e in (False, True)]
    assert [max(row.error for row in report.rows) > 0.1 for report in reports] == [False, True]
    assert reports[1].ok  # autodiff of the bare one is wrong at 0 alone, and right beside it
    names = [{row.name for row in audit(*xor(jax.nn.softplus), everything=e).rows} for e in (False, True)]
    assert names[1] - names[0] == {"logaddexp"}
    with pytest.raises(ValueError, match="everything=True checks those that JAX ships, too"):
        check(jax.nn.softplus, x, level="fast")
    report = check(jax.nn.softplus, x, level="fast", everything=True)
    assert report.status == "pass"
    assert any(
        "finite differences" in finding.message for finding in report.findings
    )  # autodiff of the bare one is wrong


@pytest.mark.slow
def test_a_rule_of_yours_inside_one_of_jaxs_has_a_row():
    from jax.experimental.ode import odeint

    tanh = pointwise(jnp.tanh, lambda x: 7 * (1 - jnp.tanh(x) ** 2))
    solve = lambda x: odeint(lambda y, t: -tanh(y), x, jnp.array([0.0, 1.0], x.dtype))[-1].sum()
    report = audit(solve, jnp.ones(3, jnp.float32))
    assert [(row.name, row.status) for row in report.rows] == [("tanh", "fail")], str(report)
