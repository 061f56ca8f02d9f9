"""compare finds the wrong leaf, passes the right ones, and says what it needs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from funcnn.verify import compare, relative_errors

pytestmark = pytest.mark.slow


def rule_with(backward):
    """tanh with another backward pass."""
    rule = jax.custom_vjp(jnp.tanh)
    rule.defvjp(lambda x: (jnp.tanh(x), jnp.tanh(x)), lambda y, y_bar: (backward(y, y_bar),))
    return rule


def setup(activation, dtype=jnp.float32):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)), dtype)
    model = fn.serial(body=fn.serial(fn.linear(5), activation), head=fn.linear(2))
    params = model.init(jax.random.key(0), x)
    return (lambda params, x: jnp.mean(model.apply(params, x) ** 2)), params, x


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32, jnp.bfloat16])
def test_right_rules_agree(dtype):
    report = compare(*setup(fn.tanh, dtype))
    assert report.ok
    assert "agrees with autodiff" in str(report)
    assert [row.path for row in report.rows] == ["body.0.b", "body.0.w", "head.b", "head.w"]
    assert [row.shape for row in report.rows] == [(5,), (3, 5), (2,), (5, 2)]
    assert set(report.seconds) == set(report.temp_bytes) == {"rules", "autodiff"}
    assert all(s > 0 for s in report.seconds.values())


WRONG = {
    "sign": lambda y, y_bar: -y_bar * (1 - y**2),
    "a thousandth": lambda y, y_bar: 1.001 * y_bar * (1 - y**2),
    "one element": lambda y, y_bar: (y_bar * (1 - y**2)).at[1, 2].multiply(1.01),
    "nan": lambda y, y_bar: (y_bar * (1 - y**2)).at[1, 2].set(jnp.nan),
    "zero": lambda y, y_bar: 0 * y_bar,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_seen_in_what_lies_behind_it(name):
    report = compare(*setup(rule_with(WRONG[name])))
    assert not report.ok
    assert {row.path for row in report.rows if not row.ok} == {"body.0.b", "body.0.w"}
    assert "WRONG: body.0.b, body.0.w" in str(report)


def test_the_worst_element_is_named():
    wrong = jax.custom_vjp(lambda x: 2 * x)
    wrong.defvjp(lambda x: (2 * x, None), lambda _, y_bar: ((2 * y_bar).at[1].multiply(3.0),))
    (row,) = compare(lambda w: jnp.sum(wrong(w)), jnp.ones(3)).rows
    assert (row.path, row.worst, row.rules, row.autodiff, row.error) == ("params", (1,), 6.0, 2.0, 2.0)


def test_relative_errors_are_relative_to_the_largest_and_never_pass_nan():
    errors = relative_errors([1.0, 2.5, 0.0], [1.0, 2.0, 0.1])
    assert errors.tolist() == pytest.approx([0.0, 0.25, 0.05])
    assert relative_errors([np.nan, np.inf, np.inf], [np.nan, np.inf, 1.0]).tolist() == [np.inf, 0.0, np.inf]
    assert relative_errors([0.0], [0.0]).tolist() == [0.0]
    assert relative_errors([3j, 4.0, np.nan * 1j], [3j, 4 + 2j, 1j]).tolist() == [0.0, 2 / abs(4 + 2j), np.inf]
    assert relative_errors([3.0], [4j]).tolist() == [1.25]


@pytest.mark.parametrize("conjugated", [False, True])
def test_a_real_loss_of_complex_parameters_is_compared(conjugated):
    pick = jnp.conj if conjugated else lambda z: z
    product = jax.custom_vjp(lambda z, w: z * w)
    product.defvjp(lambda z, w: (z * w, (z, w)), lambda r, y_bar: (y_bar * pick(r[1]), y_bar * r[0]))
    params = {"b": jnp.ones(2), "z": jnp.array([1 + 2j, 3 - 1j], jnp.complex128)}
    loss = lambda params, w: jnp.sum(jnp.abs(product(params["z"], w)) ** 2) + jnp.sum(params["b"])
    report = compare(loss, params, jnp.array([1j, 2 + 1j], jnp.complex128))
    assert [row.ok for row in report.rows] == [True, not conjugated]
    assert report.rows[1].autodiff == {0: 2 - 4j, 1: 30 + 10j}[report.rows[1].worst[0]]
    assert ("WRONG: z" in str(report)) is conjugated
    assert "j" in report._repr_html_()


@pytest.mark.parametrize(
    ("at_0", "above", "ok"), [(0.0, 1.0, True), (1.0, 1.0, True), (-3.0, 1.0, False), (0.0, 1.001, False)]
)
def test_any_subgradient_is_right_at_a_kink_and_only_there(at_0, above, ok):
    relu = jax.custom_vjp(lambda x: jnp.maximum(x, 0))  # autodiff's slope at 0 is ½
    slope = lambda x: jnp.where(x == 0, at_0, jnp.where(x > 0, above, 0.0))
    relu.defvjp(lambda x: (jnp.maximum(x, 0), x), lambda x, y_bar: (y_bar * slope(x),))
    assert compare(lambda b: jnp.sum(relu(b)), jnp.array([0.0, 1.0, -1.0])).ok is ok


def rule_of_slopes(*slopes):
    """The square root, with such a slope at each element."""
    root = jax.custom_vjp(jnp.sqrt)
    root.defvjp(lambda x: (jnp.sqrt(x), x), lambda x, y_bar: (y_bar * jnp.array(slopes),))
    return lambda x: jnp.sum(root(x))


@pytest.mark.parametrize(
    ("x", "slope", "status", "error"),
    [
        (-1.0, np.nan, "fail", np.inf),  # NaN of both
        (-1.0, 0.0, "inconclusive", np.nan),
        (0.0, np.inf, "pass", 0.0),  # the same infinity
        (0.0, -np.inf, "fail", np.inf),
        (0.0, 0.0, "inconclusive", np.nan),
        (4.0, np.nan, "fail", np.inf),
    ],
)
@pytest.mark.parametrize("tolerance", [None, 1e-3, np.inf])
def test_what_is_not_finite_is_judged_as_check_does(x, slope, status, error, tolerance):
    report = compare(rule_of_slopes(slope), jnp.array([x]), tolerance=tolerance)
    (row,) = report.rows
    assert row.status == status
    assert row.error == pytest.approx(error, nan_ok=True)
    assert report.ok is row.ok is (status == "pass")
    said = {"pass": "every hand", "fail": "WRONG: params", "inconclusive": "inconclusive: autodiff's gradient is not"}
    assert str(report).splitlines()[-1].startswith(said[status])
    assert status in report._repr_html_()


def test_a_wrong_element_is_told_before_one_that_cannot_be_judged():
    (row,) = compare(rule_of_slopes(0.6, 0.0), jnp.array([1.0, -1.0])).rows
    assert (row.status, row.worst) == ("fail", (0,))


def test_a_large_subgradient_beside_a_slope_of_0_is_right():
    relu = jax.custom_vjp(lambda x: jnp.where(x > 0, x, 0))  # autodiff's slope at 0 is 0
    relu.defvjp(lambda x: (jnp.where(x > 0, x, 0), x), lambda x, y_bar: (jnp.where(x < 0, 0, y_bar),))
    report = compare(lambda b: 8 * jnp.sum(relu(b)), jnp.zeros(1))
    assert report.ok
    assert np.isfinite(report.rows[0].error)


BAD = [
    (lambda: compare(3, jnp.ones(2)), TypeError, "loss must be a function"),
    (lambda: compare(jnp.sum, ()), ValueError, "params must have at least one array"),
    (
        lambda: compare(lambda p: p["a"].sum(), {"a": jnp.arange(3)}),
        TypeError,
        r"params\['a'\] must be a floating-point or complex array",
    ),
    (lambda: compare(lambda p: p, jnp.ones(2)), ValueError, r"loss must return a scalar, got float64\[2\]"),
    (lambda: compare(lambda p: (p.sum(), 1), jnp.ones(2)), TypeError, "loss must return a floating-point scalar"),
    (lambda: compare(lambda p: 3, jnp.ones(2)), TypeError, "loss must return a floating-point scalar"),
    (
        lambda: compare(jnp.sum, jnp.ones(2), tolerance=-1.0),
        ValueError,
        "tolerance must be a number of 0 or more, .* -1.0",
    ),
    (lambda: compare(jnp.sum, jnp.ones(2), tolerance="1"), ValueError, "tolerance must be .*, or None, got '1'"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_a_bad_call_says_what_was_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_loss_without_a_rule_agrees_with_nothing():
    relu = lambda p: jax.nn.relu(p).sum()  # its rule is JAX's
    report = compare(relu, jnp.ones(2))
    assert (report.calls, report.ok) == (0, False)
    assert str(report).endswith("inconclusive: no hand-written rule is called")
    assert compare(relu, jnp.ones(2), everything=True).ok
    inside = compare(lambda p: jax.grad(lambda q: fn.tanh(p * q).sum())(p).sum(), jnp.ones(2))
    assert inside.ok
    assert inside.calls


def test_a_notebook_shows_a_row_a_leaf():
    shown = compare(lambda p: jnp.sum(fn.tanh(p["<w>"])), {"<w>": jnp.ones(3)})._repr_html_()
    assert "<td>&lt;w&gt;</td><td>[3]</td>" in shown
    assert "every hand-written gradient agrees" in shown
    assert shown.count("temp bytes") == 2
