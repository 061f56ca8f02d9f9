"""The same model, loss and optimizer are traced and compiled once, however often a run is begun or goes on."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

import funcnn as fn
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(10, 3)), jnp.float32)
Y = jnp.asarray(RNG.normal(size=(10, 2)), jnp.float32)
MODEL = fn.serial(fn.linear(5), fn.tanh, fn.linear(2))
KEY = jax.random.key(0)
SGD = optax.sgd(0.1)


def fit(model=MODEL, loss=fn.losses.squared_error, optimizer=SGD, **options):
    key = None if options.get("state") else KEY
    return fn.fit(model, loss, optimizer, (X, Y), key=key, progress=False, **options)


def test_many_dispatches_trace_the_model_no_more_often_than_one():
    often = 4  # for the parameters' shapes, for those of the sums, for a whole batch, and for the shorter last one
    model = fn.serial(MODEL, chex.assert_max_traces(lambda y: y, n=often))
    fit(model, epochs=2000, batch_size=4)


class Counted:
    """A loss, and how often it was traced."""

    def __init__(self):
        self.traces = 0

    def __call__(self, prediction, y):
        self.traces += 1
        return fn.losses.squared_error(prediction, y)


class Unhashable(Counted):
    __hash__ = None

    def __eq__(self, other):
        return self is other


def test_the_same_model_loss_and_optimizer_compile_once():
    loss, optimizer, compiled = Counted(), optax.sgd(0.1), []

    def listen(event, seconds, **_):
        compiled.extend([event] * (event == "/jax/core/compile/backend_compile_duration"))

    options = {"loss": loss, "optimizer": optimizer, "batch_size": 4, "epochs": 1}
    state, _ = fit(**options)
    first = loss.traces
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        for _ in range(3):
            state, _ = fit(**options, state=state)
        assert not compiled
        jax.jit(lambda x: x + 3)(1)
        assert compiled  # the listener hears
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert loss.traces == first + 3  # each call finds out on shapes whether the data fit
    whole, _ = fit(batch_size=4, epochs=4)
    assert_close(state, whole, 0.0)


def test_a_step_that_is_made_again_is_not_compiled_again():
    loss, state = Counted(), fn.TrainState.create(MODEL, SGD, KEY, X)
    for _ in range(3):
        state, _ = fn.make_step(MODEL, loss, SGD)(state, (X, Y))
    assert loss.traces == 1
    fn.make_step(MODEL, Counted(), SGD)(state, (X, Y))


def test_a_loss_that_has_no_hash_is_compiled_each_time():
    loss = Unhashable()
    assert fn.make_step(MODEL, loss, SGD) is not fn.make_step(MODEL, loss, SGD)
    state, _ = fit(loss=loss, optimizer=SGD, epochs=1)
    assert int(state.step) == 1
