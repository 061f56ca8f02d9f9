"""Each stage of a check finds what it is for, says so, and leaves alone what is right."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn.verify import _check, check
from tests.helpers.case import pointwise, rule

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(7)
VECTOR = jnp.asarray(RNG.normal(size=6), jnp.float32)
MATRIX = jnp.asarray(RNG.normal(size=(4, 6)), jnp.float32)
WEIGHT = jnp.asarray(RNG.normal(size=(6, 3)), jnp.float32)
IDS = jnp.asarray([2, 0, 1, 2])


def softmax_over_axis_1(x):
    def bwd(y, y_bar):
        return (y * (y_bar - jnp.sum(y * y_bar, axis=1, keepdims=True)),)

    f = lambda x: jax.nn.softmax(x, axis=-1)
    return rule(f, lambda x: (f(x), f(x)), bwd)(x)


def mixed_product(rounding):
    """x in bfloat16, w in float32."""
    f = lambda x, w: jnp.matmul(x.astype(w.dtype), w, precision="highest")

    def bwd(residuals, y_bar):
        x, w = residuals
        x_bar = jnp.matmul(y_bar, w.T, precision="highest").astype(x.dtype)
        return x_bar, rounding(jnp.matmul(x.astype(w.dtype).T, y_bar, precision="highest"), x)

    return rule(f, lambda x, w: (f(x, w), (x, w)), bwd)


def root(x):
    """A square root by Newton's method in a while loop: no reverse mode."""
    start = jnp.maximum(x, 1.0).astype(x.dtype), jnp.zeros_like(x)
    far = lambda s: jnp.any(jnp.abs(s[0] - s[1]) > 1e-6 * s[0])
    return jax.lax.while_loop(far, lambda s: (0.5 * (s[0] + x / s[0]), s[0]), start)[0]


def on_host(x):
    """A sine of the host's: no autodiff at all."""
    return jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="expand_dims")


def bisected(x):
    """A cube root by bisection, whose autodiff is zero."""

    def halve(_, bracket):
        low, high = bracket
        middle = (low + high) / 2
        return jnp.where(middle**3 < x, middle, low), jnp.where(middle**3 < x, high, middle)

    return sum(jax.lax.fori_loop(0, 60, halve, (jnp.zeros_like(x), jnp.full_like(x, 4.0)))) / 2


def picked(ignored_gets):
    """Minus the logit of each row's id; rows with id -1 are ignored."""

    def f(logits, ids):
        rows = jnp.take_along_axis(logits, jnp.maximum(ids, 0)[:, None], axis=1)[:, 0]
        return jnp.where(ids == -1, jnp.zeros_like(rows), -rows)

    def bwd(residuals, y_bar):
        logits, ids = residuals
        hot = jnp.arange(logits.shape[1])[None] == jnp.maximum(ids, 0)[:, None]
        kept = jnp.where(ids == -1, ignored_gets, 1.0).astype(logits.dtype)
        return -hot.astype(logits.dtype) * (kept * y_bar)[:, None], None

    return rule(f, lambda logits, ids: (f(logits, ids), (logits, ids)), bwd)


def sine_with_a_list(smuggle):
    """A residual kept in a list outside."""
    kept = []

    def fwd(x):
        kept[:] = [x]
        return jnp.sin(x), x

    return rule(jnp.sin, fwd, lambda x, y_bar: (jnp.cos(kept[0] if smuggle else x) * y_bar,))


# What is checked, its arguments, and the stage at which it must fail; "" where all must pass.
CASES = {
    "another rank": (softmax_over_axis_1, (MATRIX,), "S9"),
    "a residual in a list": (sine_with_a_list(True), (VECTOR,), "S0"),
    "a list that nobody reads": (sine_with_a_list(False), (VECTOR,), ""),
    "mixed dtypes": (mixed_product(lambda w_bar, x: w_bar), (MATRIX.astype(jnp.bfloat16), WEIGHT), ""),
    "mixed dtypes, rounded": (mixed_product(lambda w_bar, x: w_bar.astype(x.dtype).astype(w_bar.dtype)),
                              (MATRIX.astype(jnp.bfloat16), WEIGHT), "S6"),
    "forward mode": (pointwise(root, lambda x: 0.5 / root(x)), (jnp.abs(VECTOR) + 0.5,), ""),
    "forward mode, wrong": (pointwise(root, lambda x: 0.6 / root(x)), (jnp.abs(VECTOR) + 0.5,), "S2"),
    "differences": (pointwise(on_host, jnp.cos), (VECTOR,), ""),
    "differences, wrong": (pointwise(on_host, lambda x: 1.01 * jnp.cos(x)), (VECTOR,), "S2"),
    "bisection": (pointwise(bisected, lambda x: bisected(x) ** -2 / 3), (jnp.abs(VECTOR) + 0.5,), ""),
    "bisection, wrong": (pointwise(bisected, lambda x: bisected(x) ** -2 / 2), (jnp.abs(VECTOR) + 0.5,), "S2"),
    "an ignored id": (picked(0.0), (MATRIX[:, :3], IDS), ""),
    "an ignored id with a gradient": (picked(1.0), (MATRIX[:, :3], IDS), "S3"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_a_stage_is_for(name):
    f, args, stage = CASES[name]
    report = check(f, *args)
    assert report.status == ("fail" if stage else "pass"), str(report)
    assert not stage or stage in {finding.stage for finding in report.findings}, str(report)


def test_a_vector_rule_of_another_rank_is_only_noted():
    def bwd(y, y_bar):
        return (y * (y_bar - jnp.sum(y * y_bar)),)

    softmax = lambda x: jax.nn.softmax(x)
    report = check(rule(softmax, lambda x: (softmax(x), softmax(x)), bwd), VECTOR)
    assert report.status == "pass"
    assert any(f.stage == "S9" and f.status == "note" for f in report.findings)


@pytest.mark.slow
def test_a_stack_just_as_long_as_a_matrix_is_a_note_where_others_are_refused():
    """By ``.T`` all axes of a stack change places, which fits where all are of one length."""
    inverse = rule(jnp.linalg.inv, lambda a: (jnp.linalg.inv(a),) * 2, lambda y, y_bar: (-y.T @ y_bar @ y.T,))
    report = check(inverse, jnp.eye(4, dtype=MATRIX.dtype) + 0.1 * MATRIX[:, :4], level="full")
    assert report.status == "pass", report
    assert any(f.stage == "S9" and f.status == "note" for f in report.findings)
    assert any("a leading axis more" in what and "raises" in why for what, why in report.skipped)


@pytest.mark.slow
def test_long_sums_are_held_to_autodiff_s_error():
    def slow_sum(y_bar):
        return jax.lax.scan(lambda total, row: (total + row, None), jnp.zeros_like(y_bar[0]), y_bar)[0]

    f = lambda x, b: x + b[None]
    add = lambda total: rule(f, lambda x, b: (f(x, b), None), lambda _, y_bar: (y_bar, total(y_bar)))
    args = MATRIX.astype(jnp.bfloat16), jnp.zeros(6, jnp.bfloat16)
    report = check(add(slow_sum), *args)
    assert {f.stage for f in report.findings if f.status == "fail"} == {"S10"}, str(report)
    assert check(add(lambda y_bar: y_bar.sum(0)), *args).ok


def test_what_is_saved_is_told_with_its_growth():
    report = check(pointwise(jnp.sin, jnp.cos), MATRIX, level="fast")
    assert report.cost == {
        "residual_bytes": MATRIX.nbytes,
        "autodiff_bytes": MATRIX.nbytes,
        "growth": {"axes of 4": 1.0, "axes of 6": 1.0},
    }
    assert "saves        96 bytes for the backward pass" in str(report)


def in_a_scan(choose):
    f = lambda x: jax.lax.scan(lambda carry, row: (carry + choose(row), None), jnp.zeros_like(x[0]), x)[0]
    return lambda x: rule(f, lambda x: (f(x), x), lambda x, y_bar: (jnp.broadcast_to(y_bar, x.shape),))(x)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("choose", "missed"),
    [
        (lambda x: jnp.where(jnp.tanh(x) > 2, 0 * x, x), ["where gt(tanh(x), 2.0) is True"]),
        (lambda x: jnp.where(jnp.isnan(x), 0 * x, x), []),
        (lambda x: jnp.where(x > 0.5, x, 1 * x), []),
        (lambda x: jnp.where(jnp.arange(6) < 9, x, 0 * x), []),
        (
            lambda x: jax.lax.cond(jnp.sum(x * x) < 0, lambda: 0 * x, lambda: x),
            ["where lt(reduce_sum(mul(x, x)), 0.0) is True"],
        ),
    ],
    ids=["a select", "a test for NaN", "both taken", "no argument decides", "a cond"],
)
@pytest.mark.parametrize("around", [lambda f: pointwise(f, jnp.ones_like), in_a_scan], ids=["bare", "in a scan"])
def test_a_branch_that_no_input_took_is_listed(choose, missed, around):
    report = check(around(choose), MATRIX, level="fast")
    told = [why for what, why in report.skipped if "branch" in what]
    assert report.status == "pass", report
    assert [line.partition(" (test_stages.py:")[0] for line in told] == missed
    assert all("(test_stages.py:" in line for line in told)


def test_a_reference_that_is_another_function_is_said():
    report = check(pointwise(jnp.sin, jnp.cos), VECTOR, reference=jnp.cos, level="fast")
    assert any("one of the two is another function" in f.message for f in report.findings)
    assert check(pointwise(jnp.sin, jnp.cos), VECTOR, reference=lambda x: jnp.cos(x - np.pi / 2), level="fast").ok


def test_autodiff_that_is_not_the_slope_is_never_passed():
    halved = lambda x: jnp.sin(x) / 2 + jax.lax.stop_gradient(jnp.sin(x) / 2)
    report = check(pointwise(halved, lambda x: jnp.cos(x) / 2), VECTOR, level="fast")
    assert report.status == "inconclusive"
    assert {f.stage for f in report.findings} == {"S4"}


def endless(x):
    while True:
        pass


def slow_backward(x, y_bar):
    """Compiled code that nothing interrupts."""
    wait = lambda g: time.sleep(10) or g
    return (jax.pure_callback(wait, jax.ShapeDtypeStruct(x.shape, x.dtype), y_bar, vmap_method="expand_dims"),)


@pytest.mark.parametrize("backward", [False, True])
def test_what_never_ends_is_given_up(backward, monkeypatch):
    monkeypatch.setattr(_check, "_GRACE", 1.0)
    f = rule(jnp.sin, lambda x: (jnp.sin(x), x), slow_backward) if backward else pointwise(endless, jnp.cos)
    report = check(f, VECTOR, budget=2.0)
    assert report.status == "inconclusive"
    assert any("had not ended" in f.message for f in report.findings)
    assert report.seconds < 9


@pytest.mark.slow
def test_the_same_call_gives_the_same_report():
    f = pointwise(jnp.tanh, lambda x: 1 - jnp.tanh(x))
    one, two = (check(f, MATRIX, level="fast", seed=3)._replace(seconds=0.0) for _ in range(2))
    assert str(one) == str(two)
    assert str(one) != str(check(f, MATRIX, level="fast", seed=4)._replace(seconds=0.0))


def test_the_check_is_scored_by_broken_copies():
    score = check(pointwise(jnp.tanh, lambda x: 1 - jnp.tanh(x) ** 2), VECTOR, level="fast", mutate=6).score
    assert (score.caught, score.total, score.missed) == (6, 6, ())
    assert str(score) == "6 of 6 broken copies of the backward pass would be found"


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(), (1,), (0,), (0, 3), (2, 1, 3)])
def test_any_shape_can_be_the_example(shape):
    right, wrong = pointwise(jnp.sin, jnp.cos), pointwise(jnp.sin, lambda x: -jnp.cos(x))
    x = jnp.full(shape, 0.3, jnp.float32)
    assert check(right, x, level="fast").status == (
        "pass" if x.size else "inconclusive"
    )  # of no numbers none is compared
    assert check(wrong, x).status == "fail"


def test_linearity_is_judged_where_other_numbers_of_the_argument_are_not_finite():
    """One NaN of a gradient keeps no other number from being held to linearity."""
    root = lambda x: jnp.where(x > 0, jnp.sqrt(x), x)
    slope = lambda x: jnp.where(x > 0, 0.5 / jnp.sqrt(x), jnp.nan)
    clipped = rule(root, lambda x: (root(x), x), lambda x, y_bar: (slope(x) * jnp.clip(y_bar, -1, 1),))
    report = check(clipped, VECTOR, level="fast")
    assert any(f.stage == "S1" and f.status == "fail" for f in report.findings), report


def test_a_stage_that_compared_nothing_has_not_passed():
    """A square root has no slope at 0, which is all of the example."""
    root = pointwise(jnp.sqrt, lambda x: 0.5 / jnp.sqrt(x))
    report = check(root, jnp.zeros(3, jnp.float32), level="fast")
    assert "S2 Jacobian" not in report.passed, report
    assert ("S2 Jacobian", "nothing to compare with") in report.skipped, report
    points = dict(report.compared)
    assert points["S2 Jacobian"] == 0
    assert all(points[stage] for stage in report.passed)


@pytest.mark.slow
def test_more_numbers_than_differences_can_judge_are_drawn_from():
    report = check(pointwise(on_host, lambda x: 1.01 * jnp.cos(x)), jnp.linspace(-2, 2, 100), level="fast")
    assert report.status == "fail", report
    report = check(pointwise(on_host, jnp.cos), jnp.linspace(-2, 2, 100), level="fast")
    assert report.status == "pass", report
    assert dict(report.compared)["S2 Jacobian"]
