"""predict gives the model's value of every example, however it is cut into batches, and compiles the model once."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import funcnn as fn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype("float32")
MODEL = fn.linear(2)
STATE = fn.TrainState.create(MODEL, optax.sgd(0.1), jax.random.key(0), X)
EXPECTED = np.asarray(MODEL.apply(STATE.params, X))


@pytest.mark.parametrize("batch_size", [None, 1, 4, 10, 64])
@pytest.mark.parametrize("params", [STATE, STATE.params], ids=["state", "params"])
def test_it_is_the_models_value(params, batch_size):
    got = fn.predict(MODEL, params, X, batch_size=batch_size)
    assert isinstance(got, np.ndarray)
    assert got == pytest.approx(EXPECTED, rel=1e-6)


BATCHES = {
    "iterator": lambda: iter([X[:4], X[4:8], X[8:]]),
    "function": lambda: lambda: [X[:4], X[4:8], X[8:]],
    "growing": lambda: iter([X[:2], X[2:3], X[3:]]),
}


@pytest.mark.parametrize("kind", BATCHES)
def test_inputs_may_come_in_batches(kind):
    assert fn.predict(MODEL, STATE, BATCHES[kind]()) == pytest.approx(EXPECTED, rel=1e-6)


def test_the_model_is_compiled_once():
    model = fn.serial(MODEL, chex.assert_max_traces(lambda y: y, n=2))  # one for the parameters' shapes
    state = fn.TrainState.create(model, optax.sgd(0.1), jax.random.key(0), X)
    for _ in range(2):
        fn.predict(model, state, X, batch_size=4)
        fn.predict(model, state, iter([X[:4], X[4:5]]))


def test_inputs_and_values_may_be_pytrees():
    pair = lambda x: {"sum": x["a"] + x["b"], "first": x["a"][:, 0]}
    got = fn.predict(pair, (), {"a": X, "b": jnp.asarray(X)}, batch_size=3)
    assert (got["sum"] == 2 * X).all()
    assert (got["first"] == X[:, 0]).all()


def test_it_takes_arrays_on_an_explicit_mesh():
    mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Explicit,))
    x = jax.device_put(X, NamedSharding(mesh, PartitionSpec("data")))
    for batch_size in (None, 4):
        assert fn.predict(MODEL, STATE, x, batch_size=batch_size) == pytest.approx(EXPECTED, rel=1e-6)


def test_a_batch_norm_that_was_not_calibrated_warns():
    model = fn.batch_norm()
    params = model.init(jax.random.key(0), X)
    with pytest.warns(UserWarning, match="never calibrated"):
        fn.predict(model, params, X)


BAD = [
    ((3.0,), {}, ValueError, r"x must have a first axis of at least one example, got shape \[\]"),
    ((X[:0],), {}, ValueError, "x must have a first axis of at least one example"),
    (({"a": X, "b": X[:3]},), {}, ValueError, r"x\['b'\] must have as many examples as x\['a'\], 10, got 3"),
    (([0.0, 1.0],), {}, TypeError, "x must be an array, got list"),
    ((iter([]),), {}, ValueError, "x must have at least one batch, got none"),
    ((iter([X]),), {"batch_size": 2}, TypeError, "batch_size must be None where x is batches, got 2"),
    ((iter([X, X[:0]]),), {}, ValueError, "x batch 1 must have a first axis"),
    ((X,), {"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
    ((X,), {"batch_size": 2.0}, TypeError, "batch_size must be an int, got 2.0"),
]


@pytest.mark.parametrize(("args", "options", "error", "message"), BAD)
def test_bad_input_is_named(args, options, error, message):
    with pytest.raises(error, match=message):
        fn.predict(MODEL, STATE, *args, **options)


def test_a_value_without_examples_is_named():
    with pytest.raises(
        ValueError, match=r"the model's value must have 4 examples along its first axis, got float32\[3\]"
    ):
        fn.predict(lambda x: x.sum(0), (), X, batch_size=4)
