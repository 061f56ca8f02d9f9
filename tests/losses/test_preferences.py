"""Losses of whole answers, beside their formulas in NumPy, token by token and answer by answer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn import losses
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
X, W, B = (jnp.asarray(RNG.normal(size=shape)) for shape in [(3, 2, 4, 3), (3, 5), (5,)])
LABELS = jnp.asarray(RNG.integers(0, 5, (3, 2, 4)), jnp.int32).at[:, :, 0].set(-100).at[1, 0, 3].set(-100)
COUNTS = np.asarray(LABELS) != -100
REFERENCE, WEIGHT = jnp.asarray(RNG.normal(size=(3, 2))), jnp.array([1.0, 0.0, 2.0])
OLD, OTHER = (RNG.normal(-1.5, 0.3, size=(3, 4)) for _ in range(2))
ADVANTAGES = jnp.array([1.0, -2.0, 0.5])


def log_probs(x, w, b):
    """Of each token, 0 for those that do not count."""
    z = np.asarray(x) @ np.asarray(w) + np.asarray(b)
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return COUNTS * np.take_along_axis(log_p, np.maximum(np.asarray(LABELS), 0)[..., None], -1)[..., 0]


TOKENS = log_probs(X, W, B)
LENGTHS = COUNTS.sum(-1)


def sigma(a):
    return 1 / (1 + np.exp(-a))


def of_dpo():
    r = TOKENS.sum(-1) - REFERENCE
    h = 0.3 * (r[:, 0] - r[:, 1])
    return -0.9 * np.log(sigma(h)) - 0.1 * np.log(sigma(-h))


def of_orpo():
    q = TOKENS.sum(-1) / LENGTHS
    odds = np.exp(q) / (1 - np.exp(q))
    return -q[:, 0] - 0.3 * np.log(sigma(np.log(odds[:, 0] / odds[:, 1])))


def of_kto():
    r = TOKENS[:, 0].sum(-1) - REFERENCE[:, 0]
    good, bad = 1 - sigma(0.3 * (r - 0.2)), 1 - sigma(0.3 * (0.2 - r))
    return np.where([True, False, True], 1.5 * good, 0.5 * bad)


DESIRABLE = jnp.array([True, False, True])
ONE = (X[:, 0], W, B), LABELS[:, 0]
BOTH = (X, W, B), LABELS
KTO = {"kl": 0.2, "beta": 0.3, "desirable_weight": 1.5, "undesirable_weight": 0.5}
PAIRS = [
    (losses.dpo, (*BOTH, REFERENCE), {"beta": 0.3, "label_smoothing": 0.1}, of_dpo),
    (losses.orpo, BOTH, {"beta": 0.3}, of_orpo),
    (losses.kto, (*ONE, DESIRABLE, REFERENCE[:, 0]), KTO, of_kto),
]


@pytest.mark.parametrize(("loss", "args", "options", "formula"), PAIRS, ids=["dpo", "orpo", "kto"])
def test_it_is_its_formula(loss, args, options, formula):
    run = jax.jit(lambda *args, **more: loss(*args, **options, **more), static_argnames="reduction")
    assert_close(run(*args, reduction="none"), jnp.asarray(formula()), 1e-12)
    tokens = TOKENS[:, 0] if loss is losses.kto else TOKENS
    kept = np.average(formula(), weights=WEIGHT)
    assert_close(loss(jnp.asarray(tokens), *args[1:], WEIGHT, **options), jnp.asarray(kept), 1e-12)


def clipped(level, low=0.2, high=0.3):
    """The loss of each token, without the reference's term."""
    moved = (TOKENS[:, 0] - OLD) * COUNTS[:, 0]
    if level == "sequence":
        moved = np.broadcast_to((moved.sum(-1) / LENGTHS[:, 0])[:, None], moved.shape)
    r, a = np.exp(moved), np.asarray(ADVANTAGES)[:, None]
    return -np.minimum(r * a, np.clip(r, 1 - low, 1 + high) * a)


@pytest.mark.parametrize(("loss_type", "level"), [("grpo", "token"), ("dapo", "sequence"), ("dr_grpo", "token")])
def test_grpo_is_its_formula(loss_type, level):
    d = OTHER - TOKENS[:, 0]
    each = COUNTS[:, 0] * (clipped(level) + 0.5 * (np.exp(d) - d - 1))
    expected = {
        "grpo": np.mean(each.sum(-1) / LENGTHS[:, 0]),
        "dapo": each.sum() / LENGTHS[:, 0].sum(),
        "dr_grpo": each.sum() / 3 / 8,
    }
    options = {"beta": 0.5, "epsilon_high": 0.3, "loss_type": loss_type, "importance_sampling_level": level}
    run = jax.jit(lambda *args: losses.grpo(*args, **options, max_completion_length=8))
    assert_close(run(*ONE, ADVANTAGES, OLD, OTHER), jnp.asarray(expected[loss_type]), 1e-12)


@pytest.mark.slow
def test_at_its_drawing_the_gradient_is_that_of_reinforce():
    x = X[:, 0]
    plain = lambda x: -jnp.mean(jnp.sum(ADVANTAGES[:, None] * per_token(x), -1) / jnp.asarray(LENGTHS[:, 0], float))
    per_token = lambda x: jnp.where(LABELS[:, 0] == -100, 0, chosen(jax.nn.log_softmax(jnp.dot(x, W) + B[None, None])))
    chosen = lambda log_p: jnp.take_along_axis(log_p, jnp.maximum(LABELS[:, 0], 0)[..., None], -1)[..., 0]
    assert_close(jax.grad(lambda x: losses.grpo((x, W, B), LABELS[:, 0], ADVANTAGES))(x), jax.grad(plain)(x), 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "given", "options"), [pair[:3] for pair in PAIRS])
def test_an_answer_of_weight_0_may_hold_anything(loss, given, options):
    _, labels, *rest = given
    x = X[:, 0] if loss is losses.kto else X
    run = jax.jit(jax.value_and_grad(lambda x: loss((x, W, B), labels, *rest, WEIGHT, **options)))
    assert_close(run(x.at[1].set(jnp.nan)), run(x), 0.0)


@pytest.mark.slow
def test_a_sample_of_weight_0_may_hold_anything():
    run = jax.jit(jax.value_and_grad(lambda x, a: losses.grpo((x, W), LABELS[:, 0], a, weight=WEIGHT)))
    assert_close(run(X[:, 0].at[1].set(jnp.nan), ADVANTAGES.at[1].set(jnp.nan)), run(X[:, 0], ADVANTAGES), 0.0)


@pytest.mark.parametrize(("loss", "given", "options"), [pair[:3] for pair in PAIRS])
def test_answers_without_tokens_are_finite(loss, given, options):
    _, labels, *rest = given
    nothing = jnp.full_like(labels, -100)
    run = jax.jit(jax.value_and_grad(lambda p: loss(p, nothing, *rest, **options)))
    assert all(np.isfinite(a).all() for a in jax.tree.leaves(run(jnp.zeros(labels.shape))))


BAD = [
    (losses.dpo, (*ONE, REFERENCE), {}, r"dpo: labels must be \[..., 2, tokens\], of a chosen .*, got int32\[3, 4\]"),
    (losses.dpo, (*BOTH, REFERENCE[:, :1]), {}, r"dpo: reference must be \[3, 2\] to follow labels, got float64\[3, 1\]"),
    (losses.dpo, (*BOTH, REFERENCE), {"label_smoothing": 2.0}, "dpo: label_smoothing must be a number from 0 to 1"),
    (losses.dpo, (*BOTH, REFERENCE), {"ignore": 0.5}, "dpo: ignore must be a class number or None, got 0.5"),
    (losses.orpo, (jnp.zeros(3), LABELS), {},
     r"orpo: prediction must be .* of the shape of labels, \[3, 2, 4\], got .*\[3\]"),
    (losses.kto, (*ONE, WEIGHT[:, None], WEIGHT), {}, r"kto: desirable must be \[3\] to follow labels, got .*\[3, 1\]"),
    (losses.grpo, (*ONE, ADVANTAGES[:2]), {}, r"grpo: advantages must be \[3\] to follow labels, got float64\[2\]"),
    (losses.grpo, (*ONE, ADVANTAGES, OLD[:, :1]), {}, r"grpo: old must be \[3, 4\] to follow labels, got float64\[3, 1\]"),
    (losses.grpo, (*ONE, ADVANTAGES), {"loss_type": "ppo"},
     "grpo: loss_type must be 'grpo' or 'dapo' or 'dr_grpo', got 'ppo'"),
    (losses.grpo, (*ONE, ADVANTAGES), {"epsilon": -0.2}, "grpo: epsilon must be a number that is not negative, got -0.2"),
    (losses.grpo, (*ONE, ADVANTAGES), {"max_completion_length": 0}, "max_completion_length must be a positive int, got 0"),
    (losses.kto, (*ONE, DESIRABLE, WEIGHT), {"undesirable_weight": "1"},
     "kto: undesirable_weight must be a number, got str"),
    (losses.kto, (*ONE, WEIGHT, DESIRABLE), {}, r"kto: desirable must be an array of booleans, got float64\[3\]"),
    (losses.kto, (*ONE, DESIRABLE, WEIGHT), {"kl": "1"}, "kto: kl must be a number, got str"),
    (losses.kto, (*ONE, DESIRABLE, WEIGHT), {"kl": WEIGHT}, r"kto: kl must be a number, got float64\[3\]"),
    (losses.dpo, (*BOTH, REFERENCE), {"beta": 0.0}, "dpo: beta must be a number above 0, got 0.0"),
    (losses.orpo, BOTH, {"beta": None}, "orpo: beta must be a number, got NoneType"),
    (losses.orpo, (0.5, LABELS), {}, r"orpo: prediction must be a tuple .*, got float"),
    (losses.dpo, (X, LABELS.tolist(), REFERENCE), {}, "dpo: labels must be class numbers, .*, got a list: jnp.asarray"),
    (losses.kto, (X, WEIGHT, DESIRABLE, WEIGHT), {}, r"kto: labels must be class numbers, .*, got float64\[3\]"),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "given", "options", "message"), BAD)
def test_bad_input_is_said(loss, given, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        loss(*given, **options)
