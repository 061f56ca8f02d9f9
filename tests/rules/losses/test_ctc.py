"""CTC: the sum over every alignment, written out; long targets; lengths; and what has no alignment."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn import rules
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(20261129)
CLASSES, TIME = 3, 4


def said(alignment, blank):
    """What an alignment says: repeats are one label, then blanks are left out."""
    return tuple(k for k, _ in itertools.groupby(alignment) if k != blank)


def over_alignments(p, target, blank):
    """The negative logarithm of the sum over all alignments of the target, one by one; inf if there is none."""
    ways = [a for a in itertools.product(range(CLASSES), repeat=len(p)) if said(a, blank) == target]
    return -np.log(np.sum(np.prod(p[np.arange(len(p)), np.array(ways)], axis=-1))) if ways else np.inf


def targets(blank):
    """Every target of up to three labels."""
    labels = [k for k in range(CLASSES) if k != blank]
    return [t for n in range(4) for t in itertools.product(labels, repeat=n)]


@pytest.mark.parametrize("blank", [0, 2])
def test_it_is_the_sum_over_every_alignment(blank):
    every = targets(blank)
    logits = RNG.normal(size=(len(every), TIME, CLASSES))
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    padded = jnp.array([t + (7,) * (3 - len(t)) for t in every])
    lengths = jnp.array([len(t) for t in every])
    expected = np.array([over_alignments(p, t, blank) for p, t in zip(p, every, strict=True)])
    found = np.asarray(jax.jit(rules.ctc, static_argnums=4)(jnp.asarray(logits), padded, None, lengths, blank))
    aligned = np.isfinite(expected)
    assert not aligned.all()  # three equal labels need five frames
    assert (found[~aligned] == np.inf).all()
    assert_close(found[aligned], expected[aligned], 1e-12)


def test_frames_and_labels_past_their_lengths_count_for_nothing():
    logits, labels = RNG.normal(size=(3, 6, 4)), RNG.integers(1, 4, (3, 3))
    frames, lengths = jnp.array([6, 4, 3]), jnp.array([3, 2, 0])
    step = jax.jit(jax.value_and_grad(lambda x, y: rules.ctc(x, y, frames, lengths).sum()))
    other = np.where(np.arange(6)[None, :, None] < frames[:, None, None], logits, np.nan)
    outside = np.where(np.arange(3)[None] < lengths[:, None], labels, -1)
    expected = step(logits, labels)
    assert_close(step(other, outside), expected, 0.0)
    assert (expected[1][1, 4:] == 0).all()
    assert (expected[1][1, 3] != 0).all()


@pytest.mark.slow
def test_frames_past_their_length_count_for_nothing_in_second_order():
    """What they hold meets a cotangent of 0 there, and 0 · NaN is NaN."""
    logits, labels, frames = RNG.normal(size=(1, 3, 3)), jnp.array([[1]]), jnp.array([2])
    slope = lambda x: jnp.sum(jax.grad(lambda x: rules.ctc(x, labels, frames).sum())(x) ** 2)
    step = jax.jit(jax.grad(slope))
    other = np.where(np.arange(3)[None, :, None] < 2, logits, np.nan)
    assert_close(step(other), step(logits), 0.0)


def test_the_value_needs_no_array_of_the_size_of_the_logits():
    labels, frames = jnp.array([[1, 2], [3, 4]]), jnp.array([8, 5])
    program = jax.jit(lambda x: rules.ctc(x, labels, frames)).lower(jax.ShapeDtypeStruct((2, 8, 4096), jnp.float32))
    plan = program.compile().memory_analysis()
    assert plan is not None
    assert plan.temp_size_in_bytes < 8 * 4096 * 4


@pytest.mark.slow
def test_ten_thousand_frames_lose_no_more_than_rounding():
    """Also where the target is said much later than its frames would have it: its logarithms are far below the largest."""
    labels = jnp.asarray(RNG.integers(1, 5, (2, 300)))
    logits = RNG.normal(size=(2, 10_000, 5)) * 4
    logits[1, :, 0] += 8  # blanks are far likelier
    step = jax.jit(jax.value_and_grad(lambda x: rules.ctc(x, labels).sum()))
    (loss, x_bar), (truth, expected) = (step(jnp.asarray(logits, dtype)) for dtype in (jnp.float32, jnp.float64))
    assert jnp.isfinite(truth)
    assert_close(loss.astype(jnp.float64), truth, 1e-6)
    assert_close(x_bar.astype(jnp.float64), expected, 1e-3)


def test_a_row_without_an_alignment_leaves_the_others_alone():
    logits = jnp.asarray(RNG.normal(size=(3, 3, 4)))
    step = jax.jit(jax.value_and_grad(lambda x, y: jnp.mean(rules.ctc(x, y))))
    y, x_bar = step(logits, jnp.array([[1, 2], [1, 0], [3, 3]]))
    assert jnp.isinf(y)
    assert (x_bar[1] == 0).all()
    assert_close(x_bar[::2], step(logits, jnp.array([[1, 2], [1, 2], [3, 3]]))[1][::2], 0.0)
