"""What is tried before a long run: learning rates, learning one batch by heart, and how many steps there is time for."""

import jax
import numpy as np
import optax
import pytest

import funcnn as fn
from funcnn.training import _steps_within

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 3)).astype("float32")
Y = X @ np.float32([[1], [-2], [0.5]])
LOSS, KEY = fn.losses.squared_error, jax.random.key(0)


def test_the_rate_is_below_the_one_at_which_it_diverges():
    found = fn.find_learning_rate(fn.linear(1), LOSS, optax.sgd, (X, Y), key=KEY, steps=60)
    limit = (
        1 / np.linalg.eigvalsh(X.T @ X / len(X)).max()
    )  # of gradient descent on this loss, whose Hessian is twice that
    assert limit / 100 < found.suggestion < limit
    assert found.rates[-1] > limit  # it went on until the loss grew
    assert len(found.rates) == len(found.losses) < 60
    assert np.allclose(np.diff(np.log(found.rates)), np.log(10 / 1e-6) / 59)


def test_a_loss_that_never_falls_has_no_suggestion():
    still = lambda rate: optax.set_to_zero()
    assert fn.find_learning_rate(fn.linear(1), LOSS, still, (X, Y), key=KEY, steps=10).suggestion is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 1.0, "high": 0.1}, "high must be a number above low, 1.0, got 0.1"),
        ({"low": 0}, "low must be .* above 0"),
        ({"steps": 3}, "steps must be at least 10"),
    ],
)
def test_bad_rates_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        fn.find_learning_rate(fn.linear(1), LOSS, optax.sgd, (X, Y), key=KEY, **options)


def test_an_optimizer_is_no_function_of_a_rate():
    with pytest.raises(TypeError, match=r"optimizer_of_rate must be a function of a rate such as optax.adam, got Grad"):
        fn.find_learning_rate(fn.linear(1), LOSS, optax.sgd(0.1), (X, Y), key=KEY)


def test_one_batch_shows_what_does_not_learn():
    model = fn.serial(body=fn.linear(4), cut=jax.lax.stop_gradient, norm=fn.batch_norm(), head=fn.linear(1))
    found = fn.overfit_one_batch(model, LOSS, optax.sgd(0.1), (X[:4], Y[:4]), key=KEY, steps=20)
    assert found.unmoved == ("body.b", "body.w")
    assert len(found.losses) == 20
    assert found.losses[-1] < found.losses[0]


@pytest.fixture
def clock(monkeypatch):
    """A `fit` that takes 3 seconds, and 10 ms a step."""
    seconds = []
    monkeypatch.setattr(_steps_within, "fit", lambda *_, steps, **__: seconds.append(3 + 0.01 * steps))
    monkeypatch.setattr(_steps_within.time, "perf_counter", lambda: sum(seconds))
    return seconds


def within(minutes, note=None):
    return fn.steps_within(fn.linear(1), LOSS, optax.sgd(0.1), (X, Y), minutes=minutes, key=KEY, note=note)


def test_what_a_run_begins_with_is_not_part_of_a_step(clock):
    assert within(1) == pytest.approx(4800, abs=1)  # four fifths of the minute
    assert sum(clock[-2:]) - sum(clock[1:3]) == pytest.approx(2 * 0.63)  # of 64 steps: a hundredth of it, or more


def test_a_short_time_is_measured_shortly(clock):
    assert within(0.1) == pytest.approx(480, abs=1)
    assert max(clock) < 3.1


def test_a_run_that_goes_on_has_the_steps_that_it_began_with(clock, tmp_path):
    note = tmp_path / "run" / "steps"
    assert within(1, note) == within(30, str(note)) == within(1)
    note.write_text("")  # killed while it was written
    assert within(30, note) > within(1)


def test_no_time_has_no_steps():
    with pytest.raises(ValueError, match="minutes must be a number above 0, got 0"):
        within(0)
