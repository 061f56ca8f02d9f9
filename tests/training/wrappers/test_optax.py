"""Accumulation and clipping are optax's, as they are."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 2))
MODEL, LOSS, KEY = fn.serial(fn.linear(4), fn.tanh, fn.linear(2)), fn.losses.squared_error, jax.random.key(0)


@pytest.fixture(scope="module", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):  # optax promotes step counts to floats
        yield


def fitted(optimizer, batch_size, steps, n=12):
    options = {"batch_size": batch_size, "progress": False}
    return fn.fit(MODEL, LOSS, optimizer, (X[:n], Y[:n]), steps=steps, key=KEY, **options)[0].params


@pytest.mark.slow
def test_accumulated_batches_are_one_batch():
    accumulated = fitted(optax.MultiSteps(optax.adam(0.1), 3), 2, 12)  # two epochs of six batches in the same order
    assert_close(accumulated, fitted(optax.adam(0.1), 6, 4), 1e-6)


@pytest.mark.slow
def test_a_short_last_batch_counts_as_a_whole_one():
    got = fitted(optax.MultiSteps(optax.sgd(0.1), 2), 7, 2)  # of seven and of five
    state = fn.TrainState.create(MODEL, optax.sgd(0.1), KEY, X)
    order = fn.training._order.epoch_order(state, 12)
    mean = lambda params, rows: LOSS(MODEL.apply(params, X[rows]), Y[rows])
    gradients = [jax.grad(mean)(state.params, np.asarray(rows)) for rows in (order[:7], order[7:])]
    assert_close(got, jax.tree.map(lambda p, a, b: p - 0.1 * (a + b) / 2, state.params, *gradients), 1e-6)


@pytest.mark.slow
def test_clipped_to_a_global_norm():
    got = fitted(optax.chain(optax.clip_by_global_norm(0.01), optax.sgd(1.0)), None, 1)
    start = fn.TrainState.create(MODEL, optax.sgd(1.0), KEY, X).params
    moved = jax.tree.map(jnp.subtract, start, got)
    gradient = jax.grad(lambda params: LOSS(MODEL.apply(params, X), Y))(start)
    norm = optax.tree.norm(gradient)
    assert_close(moved, jax.tree.map(lambda g: g * 0.01 / norm, gradient), 1e-8)
