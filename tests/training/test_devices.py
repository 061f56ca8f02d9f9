"""Gradients on 1, 2, 4 and 8 devices are those of one, of nets whose rules look at the whole batch, and of deep ones."""

from functools import cache

import jax
import numpy as np
import optax
import pytest
from jax.sharding import AxisType

import funcnn as fn
from tests.helpers.judge import assert_close

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
BATCH = RNG.normal(size=(16, 4, 4, 2)), RNG.normal(size=(16, 2))
BLOCK = fn.residual(fn.serial(fn.layer_norm(), fn.linear(16), fn.tanh, fn.linear(8)))
MODELS = {
    "convolutions with batch norm": fn.serial(
        fn.conv(8, (3, 3)),
        fn.batch_norm(),
        fn.tanh,
        fn.conv(8, (3, 3)),
        fn.batch_norm(),
        fn.relu,
        fn.flatten,
        fn.linear(2),
    ),
    "a deep residual MLP": fn.serial(fn.flatten, fn.linear(8), fn.repeat(BLOCK, 24), fn.linear(2)),
}
OPTIMIZER = optax.sgd(0.1, momentum=0.9)  # whose trace, after one step, is the gradient


def gradients(model, mesh=None):
    state, batch = fn.TrainState.create(model, OPTIMIZER, jax.random.key(0), BATCH[0]), BATCH
    if mesh is not None:
        state, batch = fn.place(state, mesh, fn.fsdp(min_size=0)), fn.divide(batch, mesh)
    state, _ = fn.make_step(model, fn.losses.squared_error, OPTIMIZER)(state, batch)
    return jax.device_get(state.opt_state[0].trace)


@cache
def on_one(name):
    return gradients(MODELS[name])


@pytest.mark.parametrize("devices", [1, 2, 4, 8])
@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_those_of_one_device(name, devices):
    mesh = jax.make_mesh((devices,), ("data",), devices=jax.devices()[:devices], axis_types=(AxisType.Auto,))
    assert_close(gradients(MODELS[name], mesh), on_one(name), 1e-10)
