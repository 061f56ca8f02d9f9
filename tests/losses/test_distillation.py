"""Distillation beside its formula in NumPy, from all logits of both."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn import losses
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
X, W, B, TEACHER_X, TEACHER_W = (
    jnp.asarray(RNG.normal(size=shape)) for shape in [(2, 3, 4), (4, 5), (5,), (2, 3, 2), (2, 5)]
)
LABELS = jnp.array([[0, 4, -100], [2, -100, 1]])
BOTH = (X, W, B), (TEACHER_X, TEACHER_W)


def log_softmax(z):
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def each(beta, temperature, alpha):
    """The loss of each row."""
    z, teacher_z = np.asarray(X @ W + B[None, None]), np.asarray(TEACHER_X @ TEACHER_W)
    log_q, log_p = log_softmax(z / temperature), log_softmax(teacher_z / temperature)
    log_m = np.log(beta * np.exp(log_p) + (1 - beta) * np.exp(log_q))
    p_entropy, q_entropy = ((np.exp(a) * (a - log_m)).sum(-1) for a in (log_p, log_q))
    soft = {0.0: p_entropy, 1.0: q_entropy}.get(beta, beta * p_entropy + (1 - beta) * q_entropy)
    hard = -np.take_along_axis(log_softmax(z), np.maximum(LABELS, 0)[..., None], -1)[..., 0]
    return alpha * temperature**2 * soft + (1 - alpha) * hard


@pytest.mark.parametrize(("beta", "reduction"), [(0.0, "mean"), (0.3, "sum"), (1.0, "none")])
def test_distillation_is_its_formula(beta, reduction):
    weight = np.array([2.0, 0.5])
    options = {"beta": beta, "temperature": 2.0, "alpha": 0.7}
    run = jax.jit(lambda *both: losses.distillation(*both, LABELS, weight, ignore=-100, reduction=reduction, **options))
    counts = weight[:, None] * (np.asarray(LABELS) != -100)
    rows = counts * each(**options)
    expected = {"mean": rows.sum() / counts.sum(), "sum": rows.sum(), "none": rows}[reduction]
    assert_close(run(*BOTH), jnp.asarray(expected), 1e-12)


def test_the_teacher_has_no_gradient_and_what_is_ignored_may_hold_anything():
    loss = lambda *both: losses.distillation(*both, LABELS, ignore=-100, beta=0.5)
    run = jax.jit(jax.grad(loss, (0, 1)))
    of_student, of_teacher = run(*BOTH)
    assert not any(a.any() for a in of_teacher)
    ignored = (LABELS == -100)[..., None]
    (x, w, b), (teacher_x, teacher_w) = BOTH
    spoilt = (jnp.where(ignored, jnp.nan, x), w, b), (jnp.where(ignored, jnp.nan, teacher_x), teacher_w)
    assert_close(run(*spoilt)[0], of_student, 0.0)


BAD = [
    (
        (X, BOTH[1], LABELS),
        {},
        TypeError,
        r"prediction must be a tuple \(x, w\) or \(x, w, b\), got float64\[2, 3, 4\]",
    ),
    ((BOTH[0], TEACHER_X, LABELS), {}, TypeError, r"teacher must be a tuple \(x, w\) or"),
    (BOTH, {}, ValueError, "labels must be given where alpha is below 1"),
    ((*BOTH, LABELS), {"alpha": 2.0}, ValueError, "alpha must be a number from 0 to 1, got 2.0"),
    ((*BOTH, LABELS[0]), {}, ValueError, r"distillation: labels must be \[2, 3\], a class number a row"),
    ((*BOTH, LABELS), {}, ValueError, "labels must be class numbers from 0 to 4, got -100"),
    ((*BOTH, LABELS), {"ignore": -100, "beta": -1.0}, ValueError, "beta must be a number from 0 to 1, got -1.0"),
    ((BOTH[0], (TEACHER_X, TEACHER_W[:, :4])), {"alpha": 1.0}, ValueError, r"teacher_w must be \[2, 5\] to follow"),
]


@pytest.mark.parametrize(("given", "options", "error", "message"), BAD)
def test_bad_input_is_said(given, options, error, message):
    with pytest.raises(error, match=message):
        losses.distillation(*given, **options)
