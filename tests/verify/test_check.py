"""check passes every rule of the catalogue, fails every wrong rule of the scoring set, and refuses what it cannot check."""

import json
import re
import time

import jax
import jax.numpy as jnp
import pytest

import funcnn as fn
from funcnn.rules._catalogue import catalogue, draw
from funcnn.verify import check
from tests.helpers.case import settings
from tests.verify.scoring import ALL, SEEN

pytestmark = pytest.mark.slow

X = jnp.array([[0.5, -1.0, 2.0], [0.1, 0.2, -0.3]], jnp.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", catalogue)
def test_every_rule_of_the_catalogue_passes(name):
    entry = catalogue[name]
    f, args = entry.bind(entry.typical.options), draw(entry.typical, 0, jnp.float32)
    check(f, *args, level="fast", surrogate=entry.surrogate).raise_for_failure()


# Indices counted from the end give a note: a right cross-entropy by one_hot would be flagged with the first of these.
NOTED = {"gather_drops_negative_ids", "mean_by_first_axis"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [c for c in SEEN if c.stage in {"S0", "S1", "S2", "S3", "S5"} and c.name not in NOTED][::8],
    ids=lambda c: c.name,
)
def test_a_case_of_the_scoring_set_is_judged_right(case):
    with settings(case):
        f, args = case.make()
        report = check(f, *args, reference=case.reference, surrogate=case.surrogate, domain=case.domain, level="fast")
    assert report.status == ("fail" if case.fault else "pass"), str(report)


SECOND_ORDER = {
    "softplus_of_two_ties": "S8",
    "attenuation_cotangent_stopped": "S8",
    "softplus_of_two_ties_from_its_input": None,
}


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_second_derivatives_are_judged_at_ties_and_along_the_cotangent(name):
    f, args = next(case for case in ALL if case.name == name).make()
    report = check(f, *args, level="fast")
    failed = [finding.stage for finding in report.findings if finding.status == "fail"]
    assert failed == ([SECOND_ORDER[name]] if SECOND_ORDER[name] else []), str(report)
    assert not any(what.startswith("S8") for what, _ in report.skipped)


FORWARD_MODE = {
    "transpose_solve_not_transposed": ("fail", "in the transpose of its backward pass"),
    "rule_inside_of_bwd_is_wrong": ("fail", "differentiated along its cotangent"),
    "guarded_by_its_cotangent": ("note", r"forward_mode.py:\d+\) has no forward mode"),
    "solve_by_hand_both_ways": None,
}


@pytest.mark.parametrize("name", FORWARD_MODE)
def test_the_transpose_of_the_backward_pass_is_judged_or_noted(name):
    f, args = next(case for case in ALL if case.name == name).make()
    found = [(finding.status, finding.message) for finding in check(f, *args, level="fast").findings]
    if FORWARD_MODE[name] is None:
        assert not found
    else:
        status, message = FORWARD_MODE[name]
        assert any(status == s and re.search(message, m) for s, m in found), found


def halved_tanh():
    rule = jax.custom_vjp(jnp.tanh)
    rule.defvjp(lambda x: (jnp.tanh(x), jnp.tanh(x)), lambda y, y_bar: (y_bar * (1 - y * y) / 2,))
    return rule


def test_a_finding_says_where_what_and_why():
    report = check(halved_tanh(), X, level="fast")
    finding = next(f for f in report.findings if f.stage == "S2")
    assert (finding.status, finding.argument, finding.guess) == ("fail", "x", "a factor of 0.5 (a 2 forgotten)")
    assert finding.got == pytest.approx(finding.expected / 2)
    assert "S2" in str(report)
    with pytest.raises(AssertionError, match=r"a factor of 0\.5"):
        report.raise_for_failure()
    data = json.loads(report.to_json())
    assert data["status"] == "fail"
    assert "a factor of 0.5" in report._repr_html_()


def test_a_rule_inside_a_function_with_pytrees_ints_and_keys():
    def f(params, n, key, name):
        noise = jax.random.normal(key, params["x"].shape, params["x"].dtype)
        return {name: fn.tanh(params["x"] * n + noise), "count": n}

    check(f, {"x": X}, 2, jax.random.key(0), "y", level="fast").raise_for_failure()


COMPLEX = {
    "product_conjugated": {"z.real", "z.imag", "w.real", "w.imag"},
    "squared_magnitude_of_the_real_part": {"z.imag"},
    "phase_factor_conjugated": {"t"},
    "real_part_with_a_real_cotangent": {""},
    "fourier_with_a_real_gain": set(),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_numbers_are_checked_part_by_part(name):
    f, args = next(case for case in SEEN if case.name == name).make()
    report = check(f, *args, level="fast")
    failed = {finding.argument for finding in report.findings if finding.status == "fail"}
    assert (report.status, failed) == ("fail" if COMPLEX[name] else "pass", COMPLEX[name]), str(report)


def test_a_surrogate_is_not_held_to_the_derivative():
    through = jax.custom_vjp(lambda x: jnp.round(x))
    through.defvjp(lambda x: (jnp.round(x), None), lambda _, y_bar: (y_bar,))
    assert check(through, X, level="fast").status == "fail"
    assert check(through, X, level="fast", surrogate=True).status == "pass"


def test_a_stage_out_of_time_is_listed():
    start = time.monotonic()
    report = check(fn.gelu, X, budget=0.0)
    assert any("budget" in reason for _, reason in report.skipped)
    assert report.status == "inconclusive"
    assert "budget" in str(report)
    assert time.monotonic() - start < 30


def raising(x):
    raise RuntimeError("never")


BAD = [
    (lambda: check(3, X), TypeError, "f must be a function, got int"),
    (
        lambda: check(fn.tanh),
        TypeError,
        "args must have a floating-point or complex array to differentiate by, got none",
    ),
    (
        lambda: check(fn.tanh, 3, None, "a"),
        TypeError,
        "args must have a floating-point or complex array .* got int, str",
    ),
    (lambda: check(lambda x: 3, X), TypeError, "f must return at least one floating-point or complex array"),
    (
        lambda: check(jnp.sin, X),
        ValueError,
        "sin calls no custom_vjp or custom_jvp function, so there is nothing to check",
    ),
    (lambda: check(fn.tanh, X, level="thorough"), ValueError, "level must be one of fast, full, deep, got 'thorough'"),
    (
        lambda: check(raising, X),
        ValueError,
        r"args must be arguments that f takes, got float32\[2, 3\]: .* RuntimeError: never",
    ),
    (lambda: check(fn.tanh, X, reference=3), TypeError, "reference must be a function, got int"),
    (lambda: check(fn.tanh, X, budget=-1), ValueError, "budget must be a number of seconds, 0 or more, got -1"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_a_bad_call_says_what_to_pass(call, error, message):
    with pytest.raises(error, match=message):
        call()
