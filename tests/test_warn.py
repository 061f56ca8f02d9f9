"""A warning points at the line that a user wrote."""

import jax
import jax.numpy as jnp
import optax
import pytest

import funcnn as fn
from funcnn._warn import warn

X = jnp.ones((4, 3))


def of_batch_norm():
    params = fn.batch_norm().init(jax.random.key(0), X)
    return fn.predict(fn.batch_norm(), params, X)


def of_a_stream():
    state = fn.TrainState.create(fn.linear(2), optax.sgd(0.1), jax.random.key(0), X)
    state = state._replace(position=state.position._replace(batch=jnp.int32(1)))
    options = {"epochs": 1, "state": state, "progress": False}
    return fn.fit(fn.linear(2), fn.losses.squared_error, optax.sgd(0.1), [(X, X[:, :2])] * 2, **options)


def of_a_layer():
    return fn.serial(fn.batch_norm()).apply(fn.serial(fn.batch_norm()).init(jax.random.key(0), X), X)


@pytest.mark.parametrize("call", [lambda: warn("here"), of_batch_norm, of_a_layer, of_a_stream])
def test_it_points_here(call):
    with pytest.warns(UserWarning, match="here|calibrated|left out") as caught:
        call()
    assert [warning.filename for warning in caught] == [__file__]
