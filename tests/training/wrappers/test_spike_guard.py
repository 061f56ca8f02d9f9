"""An update is left out where the loss is far above its mean, and what it leaves out is counted."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn

PARAMS = {"w": jnp.zeros(())}


def run(optimizer, losses):
    """After each loss: whether there was an update, and the last state."""

    def step(state, loss):
        updates, state = optimizer.update({"w": jnp.ones(())}, state, PARAMS, value=loss)
        return state, updates["w"] != 0

    state, taken = jax.lax.scan(step, optimizer.init(PARAMS), jnp.asarray(losses))
    return taken.tolist(), state


def guard(**options):
    return fn.spike_guard(optax.trace(0.5), **({"warmup": 2} | options))


def test_a_spike_is_left_out_and_does_not_count():
    taken, state = run(guard(), [1.0, 3.0, 4.1, 3.9])
    assert taken == [True, True, False, True]
    assert int(state.skipped) == 1
    assert float(state.mean) == pytest.approx((1 + 3 + 3.9) / 3)
    assert float(state.inner.trace["w"]) == 1 + 0.5 + 0.25  # of three updates, not of four


def test_the_mean_forgets():
    _, state = run(guard(decay=0.5), [1.0, 1.5, 1.0])
    assert float(state.mean) == 0.5 * 1.25 + 0.5 * 1.0


def test_a_negative_mean_has_a_limit_above_it():
    taken, _ = run(guard(factor=1.5), [-10.0, -10.0, -4.9, -5.1])
    assert taken == [True, True, False, True]


def test_it_waits_for_a_mean_and_gives_way_to_a_new_level():
    taken, state = run(guard(patience=2), [1.0, 9.0, 100.0, 100.0, 100.0, 30.0])
    assert taken == [True, True, False, False, True, True]
    assert int(state.skipped) == 2


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_no_spike(bad):
    taken, state = run(guard(), [1.0, 1.0, bad, 1.0])
    assert taken == [True] * 4
    assert float(state.mean) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [optax.adam(0.1), optax.lbfgs(), optax.MultiSteps(optax.sgd(0.1), 2), optax.apply_if_finite(optax.sgd(0.1), 3)],
    ids=["adam", "lbfgs", "MultiSteps", "apply_if_finite"],
)
def test_in_training(optimizer):
    x, y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)
    model = fn.linear(1)
    with jax.numpy_dtype_promotion("standard"):
        state = fn.TrainState.create(model, fn.spike_guard(optimizer, warmup=2), jax.random.key(0), x)
        step = fn.make_step(model, fn.losses.squared_error, fn.spike_guard(optimizer, warmup=2))
        for scale in (1, 1, 1e3):
            before = jax.device_get(state.params)
            state, _ = step(state, (x, scale * y))
    assert int(state.opt_state.skipped) == 1
    assert np.array_equal(before["w"], state.params["w"])


def test_bad_calls():
    with pytest.raises(ValueError, match="factor must be a number above 1, got 1"):
        fn.spike_guard(optax.sgd(0.1), 1.0)
    with pytest.raises(ValueError, match="patience must be a positive int, got 0"):
        fn.spike_guard(optax.sgd(0.1), patience=0)
    with pytest.raises(TypeError, match="update needs the loss"):
        guard().update(PARAMS, guard().init(PARAMS), PARAMS)
