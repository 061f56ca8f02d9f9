"""A learning rate is found below the one at which training diverges, and one batch tells of parameters nothing reaches."""

import time

import jax
import numpy as np
import optax
import pytest

import funcnn as fn

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


def test_a_step_takes_as_long_as_its_batch_does():
    passes = []

    def batches():
        passes.append(0)
        while True:
            time.sleep(0.01)
            passes[-1] += 1
            yield X[:4], Y[:4]

    seconds = fn.seconds_per_step(fn.linear(1), LOSS, optax.sgd(0.1), batches, key=KEY, steps=5)
    assert seconds >= 0.01
    assert len([taken for taken in passes if taken >= 5]) == 4  # the first compiles, and the fastest counts


def test_no_steps_have_no_time():
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        fn.seconds_per_step(fn.linear(1), LOSS, optax.sgd(0.1), (X, Y), key=KEY, steps=0)
