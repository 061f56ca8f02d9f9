"""Training on an Explicit mesh is training off it, however data and parameters are divided; so is what comes after it."""

from contextlib import nullcontext

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import funcnn as fn
from tests.helpers.judge import assert_close

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(16, 4, 4, 2)), RNG.normal(size=(16, 2))
MODEL = fn.serial(fn.conv(3, (3, 3)), fn.layer_norm(), fn.tanh, lambda x: fn.max_pool(x, 2), fn.flatten, fn.linear(2))
OPTIMIZER = optax.sgd(0.1, momentum=0.9)
KEY = jax.random.key(0)


def mesh_of(*shape):
    return jax.make_mesh(shape, ("data", "model")[: len(shape)], axis_types=(AxisType.Explicit,) * len(shape))


def train(data, batch_size, state=None):
    key = KEY if state is None else None
    options = {"epochs": 2, "batch_size": batch_size, "progress": False}
    state, history = fn.fit(MODEL, fn.losses.squared_error, OPTIMIZER, data, key=key, state=state, **options)
    return jax.device_get((state.params, state.opt_state)), history["loss"]


@pytest.mark.parametrize(
    ("mesh", "rows", "targets", "batch_size", "inside", "with_state"),
    [
        ((8,), P("data"), P("data"), None, True, False),
        ((8,), P("data"), None, 8, False, False),
        ((2, 4), P(("data", "model")), P(), 6, True, True),  # six do not divide by eight, nor do the last four
    ],
)
def test_on_an_explicit_mesh(mesh, rows, targets, batch_size, inside, with_state):
    start = fn.TrainState.create(MODEL, OPTIMIZER, KEY, X) if with_state else None
    expected = train((X, Y), batch_size, start)
    mesh = mesh_of(*mesh)
    put = lambda a, spec: a if spec is None else jax.device_put(a, NamedSharding(mesh, spec))
    with jax.set_mesh(mesh) if inside else nullcontext():
        got = train((put(X, rows), put(Y, targets)), batch_size, start)
    assert_close(got, expected, 1e-12)


def test_a_step_of_ones_own_waits_for_its_devices():
    mesh = mesh_of(8)
    model, loss = fn.serial(fn.linear(3), fn.tanh, fn.linear(1)), fn.losses.squared_error
    x, y = jnp.ones((8, 2)), jnp.ones((8, 1))
    with jax.set_mesh(mesh):
        batch = jax.device_put((x, y), NamedSharding(mesh, P("data")))
        state, step = fn.TrainState.create(model, OPTIMIZER, KEY, x), fn.make_step(model, loss, OPTIMIZER)
        for _ in range(30):
            state, metrics = step(state, batch)
            assert all(leaf.is_ready() for leaf in jax.tree.leaves((state.params, state.opt_state, metrics)))
    assert int(state.step) == 30


@pytest.mark.parametrize("axis_type", [AxisType.Auto, AxisType.Explicit])
def test_divided_parameters_are_measured_where_they_lie(axis_type):
    mesh = jax.make_mesh((4,), ("data",), devices=jax.devices()[:4], axis_types=(axis_type,))
    model, loss = fn.serial(fn.conv(4, (3, 3)), fn.batch_norm(), fn.flatten, fn.linear(2)), fn.losses.squared_error
    params = model.init(KEY, X)
    placed = fn.place(params, mesh, fn.fsdp(min_size=0))

    def results(params):
        measured = fn.calibrate(model, params, [X[:6], X[6:]])
        predicted = fn.predict(model, measured, X, batch_size=6)  # four do not divide them
        loss_of = fn.evaluate(model, measured, loss, (X, Y), batch_size=8)["loss"]
        return measured, (jax.device_get(measured), predicted, np.asarray(loss_of))

    (measured, got), (_, expected) = results(placed), results(params)
    assert [a.sharding for a in jax.tree.leaves(measured)] == [a.sharding for a in jax.tree.leaves(placed)]
    assert_close(got, expected, 1e-12)
