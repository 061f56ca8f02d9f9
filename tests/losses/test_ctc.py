"""losses.ctc averages over examples, leaves out what has weight 0, and names labels and lengths that do not fit."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn import losses, metrics, rules
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
LOGITS, LABELS = jnp.asarray(RNG.normal(size=(4, 5, 3))), np.array([[1, 2], [2, 7], [1, 1], [2, 1]])
FRAMES, LENGTHS = np.array([5, 4, 3, 5]), np.array([2, 1, 2, 0])
TARGETS: Any = LABELS, FRAMES, LENGTHS


@pytest.mark.slow
def test_it_averages_over_examples():
    each = rules.ctc(LOGITS, jnp.asarray(LABELS), jnp.asarray(FRAMES), jnp.asarray(LENGTHS))
    weight = jnp.array([0.25, 1.0, 0.0, 2.0])
    assert_close(losses.ctc(LOGITS, *TARGETS), each.mean(), 1e-15)
    assert_close(losses.ctc(LOGITS, *TARGETS, weight=weight), (weight * each).sum() / weight.sum(), 1e-15)
    assert_close(losses.ctc(LOGITS, *TARGETS, reduction="none"), each, 0.0)


@pytest.mark.slow
def test_an_example_of_weight_0_is_as_if_it_were_not_there():
    weight, kept = jnp.array([1.0, 0.0, 2.0, 0.5]), np.array([0, 2, 3])
    spoilt: Any = LABELS.copy(), FRAMES.copy(), LENGTHS.copy()
    spoilt[0][1], spoilt[1][1], spoilt[2][1] = -5, 99, 99
    step = jax.value_and_grad(losses.ctc)
    value, bar = step(LOGITS.at[1].set(jnp.nan), *spoilt, weight)
    expected = step(LOGITS[kept], *(a[kept] for a in TARGETS), weight[kept])
    assert_close((value, bar[kept]), expected, 1e-14)
    assert not bar[1].any()


@pytest.mark.parametrize(
    ("message", "changed"),
    [
        (r"labels must be class numbers from 0 to 2, and not the blank, 0, got 7 at \[1, 1\]", {"label_lengths": None}),
        (r"and not the blank, 1, got 1 at \[0, 0\]", {"blank": 1}),
        (r"logit_lengths must be from 0 to 5, got 6 at \[0\]", {"logit_lengths": FRAMES + 1}),
        (r"label_lengths must be from 0 to 2, got -1 at \[3\]", {"label_lengths": LENGTHS - 1}),
        (r"labels must be \[4, n\]", {"labels": LABELS[0]}),
        (r"label_lengths must be \[4\]", {"label_lengths": LENGTHS[:2]}),
        ("weight must have the leading axes", {"weight": jnp.ones(3)}),
    ],
)
def test_what_does_not_fit_is_named(message, changed):
    names: Any = {"labels": LABELS, "logit_lengths": FRAMES, "label_lengths": LENGTHS}
    with pytest.raises(ValueError, match=f"^ctc: .*{message}"):
        losses.ctc(LOGITS, **names | changed)


def edits(a, b):
    """Levenshtein's distance, by recursion."""
    if not a or not b:
        return len(a) + len(b)
    return min(edits(a[1:], b) + 1, edits(a, b[1:]) + 1, edits(a[1:], b[1:]) + (a[0] != b[0]))


@pytest.mark.slow
def test_the_label_error_rate_counts_edits():
    frames = RNG.integers(0, 3, (8, 5))
    targets, lengths = RNG.integers(1, 3, (8, 4)), RNG.integers(0, 5, 8)
    said = [[k for k, before in zip(row, [0, *row], strict=False) if k not in {0, before}] for row in frames.tolist()]
    each = np.array([edits(a, b[:n].tolist()) for a, b, n in zip(said, targets, lengths, strict=True)])
    weight = np.array([1.0, 0.0, 2.0, 1.0, 1.0, 0.5, 1.0, 1.0])
    got = metrics.label_error_rate()(
        jax.nn.one_hot(frames, 3), jnp.asarray(targets), None, jnp.asarray(lengths), weight
    )
    assert_close(got, tuple(jnp.float32((weight * a).sum()) for a in (each, lengths)), 1e-6)


def test_a_target_that_cannot_be_said_is_wrong():
    logits = jax.nn.one_hot(jnp.array([[1, 0, 2], [2, 2, 2]]), 3)
    edits, of = metrics.label_error_rate()(logits, np.array([[1, 0], [9, 2]]), None, np.array([99, 2], np.uint8))
    assert (edits, of) == (2, 4)


def test_the_label_error_rate_names_lengths_and_logits_that_do_not_fit():
    rate = metrics.label_error_rate()
    with pytest.raises(ValueError, match=r"label_error_rate: logits must be \[batch, time, classes\]"):
        rate(LOGITS[0], jnp.asarray(LABELS))
    with pytest.raises(TypeError, match="label_error_rate: logit_lengths must be an array of integers"):
        rate(LOGITS, LABELS, FRAMES / 2)
