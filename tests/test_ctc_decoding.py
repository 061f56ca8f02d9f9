"""Labels out of logits: each one's probability is that of all its alignments, and a wide beam misses nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn

RNG = np.random.default_rng(20261129)
LOGITS, LENGTHS = jnp.asarray(RNG.normal(size=(3, 4, 3))), jnp.array([4, 2, 0])
EVERY = 16  # four frames can say 15 sequences of two labels


@pytest.mark.slow
def test_a_wide_beam_is_exact():
    found = jax.jit(lambda x, n: fn.ctc_beam(x, n, beam=EVERY, blank=1))(LOGITS, LENGTHS)
    there = found.lengths >= 0
    assert (jnp.where(there, 0, -jnp.inf) == jnp.where(there, 0, found.log_probs)).all()
    assert np.allclose(jnp.exp(found.log_probs).sum(-1), 1.0, atol=1e-12)
    assert (jnp.diff(jnp.where(there, found.log_probs, -1e3)) <= 0).all()
    labels = jnp.where(there[..., None], found.labels, 0).reshape(-1, 4)
    lengths = jnp.where(there, found.lengths, 0).reshape(-1)
    costs = jax.jit(lambda *args: fn.rules.ctc(*args, 1))(
        jnp.repeat(LOGITS, EVERY, 0), labels, jnp.repeat(LENGTHS, EVERY), lengths
    )
    assert np.allclose(jnp.where(there, costs.reshape(3, EVERY) + found.log_probs, 0), 0, atol=1e-12)
    said = [tuple(row[:n].tolist()) for row, n in zip(found.labels[0], found.lengths[0], strict=True) if n >= 0]
    assert len(said) == len(set(said))


def test_a_narrow_beam_finds_the_likeliest_labels_of_clear_frames():
    alignment = jnp.array([[0, 1, 1, 0, 1, 2, 2, 0]])
    found = jax.jit(lambda x: fn.ctc_beam(x, beam=2))(5 * jax.nn.one_hot(alignment, 3))
    assert found.labels[0, 0].tolist() == [1, 1, 2, 0, 0, 0, 0, 0]
    assert found.lengths[0, 0] == 3


def test_greedy_is_the_likeliest_alignment():
    alignment = jnp.array([[0, 1, 1, 0, 1, 2], [2, 2, 2, 2, 1, 0], [1, 1, 1, 1, 1, 1]])
    found = fn.ctc_greedy(jnp.log(0.1 + 0.7 * jax.nn.one_hot(alignment, 3)), jnp.array([6, 5, 0]))
    assert found.labels.tolist() == [[1, 1, 2, 0, 0, 0], [2, 1, 0, 0, 0, 0], [0] * 6]
    assert found.lengths.tolist() == [3, 2, 0]
    assert np.allclose(found.log_probs, np.log(0.8) * np.array([6, 5, 0]))


@pytest.mark.parametrize("decode", [fn.ctc_greedy, fn.ctc_beam])
def test_without_frames_nothing_is_said(decode):
    found = decode(jnp.zeros((2, 0, 3)))
    assert found.lengths.reshape(2, -1)[:, 0].tolist() == [0, 0]
    assert found.log_probs.reshape(2, -1)[:, 0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("message", "call"),
    [
        (r"ctc_greedy: logits must be \[batch, time, classes\]", lambda: fn.ctc_greedy(LOGITS[0])),
        (r"logit_lengths must be \[3\], a row for each of logits", lambda: fn.ctc_beam(LOGITS, LENGTHS[:2])),
        ("ctc_beam: blank must be a class number from 0 to 2, got 3", lambda: fn.ctc_beam(LOGITS, blank=3)),
        ("beam must be an int above 0, got 0", lambda: fn.ctc_beam(LOGITS, beam=0)),
        ("ctc_greedy: logit_lengths must be an array of integers", lambda: fn.ctc_greedy(LOGITS, LENGTHS / 2)),
    ],
)
def test_bad_input_is_named(message, call):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
