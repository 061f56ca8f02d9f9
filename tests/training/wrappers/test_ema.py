"""The average is the weighted mean of the parameters after each update, in any optimizer and in any dtype."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

MODEL, LOSS, KEY = fn.linear(2), fn.losses.squared_error, jax.random.key(0)
X, Y = np.random.default_rng(0).normal(size=(2, 6, 2)).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):  # optax promotes step counts to floats
        yield


def trained(optimizer, steps):
    """The last state, and the parameters at the start and after each step."""
    state = fn.TrainState.create(MODEL, optimizer, KEY, X)
    step = fn.make_step(MODEL, LOSS, optimizer, donate=False)
    seen = [state.params]
    for _ in range(steps):
        state, _ = step(state, (X, Y))
        seen.append(state.params)
    return state, jax.tree.map(lambda *leaves: np.stack([np.asarray(a, np.float64) for a in leaves]), *seen)


@pytest.mark.parametrize("debias", [True, False])
def test_the_average(debias):
    decay, steps = 0.8, 5
    state, seen = trained(fn.ema(optax.sgd(0.3), decay, debias=debias), steps)
    weights = (1 - decay) * decay ** np.arange(steps)[::-1]
    weights = np.append(0, weights / weights.sum()) if debias else np.append(1 - weights.sum(), weights)
    expected = jax.tree.map(lambda a: np.tensordot(weights, a, 1).astype(np.float32), seen)
    assert_close(fn.averaged(state).params, expected, 1e-6)


def test_before_the_first_step_it_is_the_start():
    state = fn.TrainState.create(MODEL, fn.ema(optax.sgd(0.3), 0.9), KEY, X)
    assert_close(fn.averaged(state).params, state.params, 0)


def test_small_moves_add_up_in_half_precision():
    optimizer = fn.ema(optax.identity(), 0.999, debias=False)
    params = {"w": jnp.ones(3, jnp.bfloat16)}
    state = optimizer.init(params)
    for _ in range(100):
        _, state = optimizer.update({"w": jnp.full(3, 0.5, jnp.bfloat16)}, state, params)
    moved = np.full(3, 1 + 0.5 * (1 - 0.999**100), np.float32)  # by 0.0005 at first, which bfloat16 cannot add to 1
    assert_close(state.average, {"w": moved}, 1e-6)
    whole = fn.TrainState.create(MODEL, optimizer, KEY, X)._replace(params=params, opt_state=state)
    assert fn.averaged(whole).params["w"].dtype == jnp.bfloat16


def test_with_accumulation_it_moves_at_each_update():
    plain, _ = trained(fn.ema(optax.sgd(0.3), 0.8), 2)
    accumulated, _ = trained(optax.MultiSteps(fn.ema(optax.sgd(0.3), 0.8), 2), 4)
    assert_close(fn.averaged(accumulated).params, fn.averaged(plain).params, 1e-6)


def test_the_averaged_state_outlives_the_state_that_it_was_taken_from(tmp_path):
    optimizer = fn.ema(optax.adam(0.1), 0.9)
    state = fn.TrainState.create(MODEL, optimizer, KEY, X)
    fn.save(tmp_path / "state", state)
    step = fn.make_step(MODEL, LOSS, optimizer)
    state, _ = step(state, (X, Y))
    average = fn.averaged(state)
    state, _ = step(state, (X, Y))
    assert np.isfinite(average.params["w"]).all()
    assert jax.tree.structure(fn.load(tmp_path / "state", state)) == jax.tree.structure(state)


def test_an_average_survives_going_on():
    optimizer = fn.ema(optax.adam(0.1), 0.9)
    options = {"batch_size": 4, "progress": False}
    whole, _ = fn.fit(MODEL, LOSS, optimizer, (X, Y), steps=5, key=KEY, **options)
    half, _ = fn.fit(MODEL, LOSS, optimizer, (X, Y), steps=3, key=KEY, **options)
    cut, _ = fn.fit(MODEL, LOSS, optimizer, (X, Y), steps=2, state=half, **options)
    assert_close(fn.averaged(cut).params, fn.averaged(whole).params, 0)


def test_bad_calls():
    with pytest.raises(ValueError, match="decay must be a number from 0 to below 1, got 1"):
        fn.ema(optax.sgd(0.1), 1.0)
    with pytest.raises(ValueError, match=r"must have one average, of funcnn\.ema, got 0"):
        fn.averaged(fn.TrainState.create(MODEL, optax.sgd(0.1), KEY, X))
