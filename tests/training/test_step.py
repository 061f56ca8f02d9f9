"""The compiled step does what the mathematics says, donates, compiles once and takes every optimizer."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(8, 3)), jnp.float32)
Y = jnp.asarray(RNG.normal(size=(8, 2)), jnp.float32)
MODEL = fn.serial(fn.linear(5), fn.tanh, fn.linear(2))
KEY = jax.random.key(0)


def by_hand(params, x, y, rate):
    """One step of gradient descent on the mean squared error as the from-scratch texts write it, in NumPy."""
    (w1, b1), (w2, b2) = ((np.asarray(p["w"]), np.asarray(p["b"])) for p in (params[0], params[2]))
    h = np.tanh(x @ w1 + b1)
    prediction = h @ w2 + b2
    y_bar = 2 * (prediction - y) / y.size
    h_bar = y_bar @ w2.T * (1 - h**2)
    return (
        {"w": w1 - rate * x.T @ h_bar, "b": b1 - rate * h_bar.sum(0)}, (),
        {"w": w2 - rate * h.T @ y_bar, "b": b2 - rate * y_bar.sum(0)},
    )  # fmt: skip


def test_a_step_is_gradient_descent():
    optimizer = optax.sgd(0.1)
    state = fn.TrainState.create(MODEL, optimizer, KEY, X)
    expected = by_hand(state.params, np.asarray(X), np.asarray(Y), 0.1)
    loss = fn.losses.squared_error(MODEL.apply(state.params, X), Y)
    state, metrics = fn.make_step(MODEL, fn.losses.squared_error, optimizer)(state, (X, Y))
    assert_close(metrics["loss"], loss, 1e-6)
    assert_close(state.params, jax.tree.map(jnp.asarray, expected), 1e-6)
    assert int(state.step) == 1


OPTIMIZERS = {
    "sgd": optax.sgd(0.1), "momentum": optax.sgd(0.1, momentum=0.9, nesterov=True), "adam": optax.adam(0.01),
    "adamw": optax.adamw(0.01), "clipped": optax.chain(optax.clip_by_global_norm(0.1), optax.sgd(0.1)),
    "schedule": optax.sgd(optax.cosine_decay_schedule(0.1, 100)), "lbfgs": optax.lbfgs(),
    "two at once": optax.partition({1: optax.sgd(0.1), 2: optax.adam(0.01)}, lambda params: jax.tree.map(jnp.ndim, params)),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
@jax.numpy_dtype_promotion("standard")  # optax promotes step counts to floats
def test_every_optimizer_of_optax_trains(name):
    x, y = X.astype(float), Y.astype(float)  # optax's line search goes over to float64 under x64
    state = fn.TrainState.create(MODEL, OPTIMIZERS[name], KEY, x)
    step = fn.make_step(MODEL, fn.losses.squared_error, OPTIMIZERS[name])
    losses = []
    for _ in range(30):
        state, metrics = step(state, (x, y))
        losses.append(float(metrics["loss"]))
    assert losses[-1] < 0.9 * losses[0]


def test_it_compiles_once_and_donates():
    step = fn.make_step(
        fn.serial(chex.assert_max_traces(fn.tanh, n=1), fn.linear(2)), fn.losses.squared_error, optax.sgd(0.1)
    )
    model = fn.serial(fn.tanh, fn.linear(2))
    first = state = fn.TrainState.create(model, optax.sgd(0.1), KEY, X)
    for _ in range(3):
        state, _ = step(state, (X, Y))
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(first.params))


def test_a_batch_that_does_not_fit_leaves_the_state():
    optimizer = optax.sgd(0.1)
    state = fn.TrainState.create(MODEL, optimizer, KEY, X)
    step = fn.make_step(MODEL, fn.losses.squared_error, optimizer)
    for batch, message in [
        ((X[:, :2], Y), r"layer 0: linear: w must be \[2, m\]"),
        ((X, Y[:, :1]), r"target must be \[8, 2\]"),
        ((X, np.array(["a"])), r"batch\[1\]"),
    ]:
        with pytest.raises((TypeError, ValueError), match=message):
            step(state, batch)
    state, _ = step(state, (X, Y))
    assert int(state.step) == 1


def test_a_loss_that_is_no_scalar_is_refused():
    state = fn.TrainState.create(MODEL, optax.sgd(0.1), KEY, X)
    for loss, error in [(lambda p, y: (p - y) ** 2, ValueError), (lambda p, y: (1, 2), TypeError)]:
        with pytest.raises(error, match="loss must return a"):
            fn.make_step(MODEL, loss, optax.sgd(0.1))(state, (X, Y))


def test_weights_are_a_third_part_of_the_batch():
    optimizer = optax.sgd(0.1)
    weight = jnp.array([1.0] * 4 + [0.0] * 4, jnp.float32)
    step = fn.make_step(MODEL, fn.losses.squared_error, optimizer)
    some, _ = step(fn.TrainState.create(MODEL, optimizer, KEY, X), (X, Y, weight))
    half, _ = step(fn.TrainState.create(MODEL, optimizer, KEY, X), (X[:4], Y[:4]))
    assert_close(some.params, half.params, 1e-6)


def test_many_seeds_train_at_once():
    optimizer = optax.sgd(0.1)
    step = fn.make_step(MODEL, fn.losses.squared_error, optimizer)

    def train(key):
        state = fn.TrainState.create(MODEL, optimizer, key, X)
        return jax.lax.scan(lambda state, _: step(state, (X, Y)), state, length=5)[0]

    keys = jax.random.split(KEY, 3)
    together = jax.jit(jax.vmap(train))(keys)
    alone = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[train(k).params for k in keys])
    assert_close(together.params, alone, 1e-5)


def test_the_state_of_another_optimizer_is_refused():
    adam, plain = (fn.TrainState.create(MODEL, o, KEY, X) for o in (optax.adam(0.1), optax.sgd(0.1)))
    step = lambda optimizer: fn.make_step(MODEL, fn.losses.squared_error, optimizer)
    for optimizer, state, said in [
        (optax.sgd(0.1), adam, r"state must fit the optimizer: opt_state\.0\.count must be absent, got int32\[\]; "),
        (optax.adam(0.1), plain, r"state must fit the optimizer: opt_state\.0\.count must be int32\[\], got nothing; "),
    ]:
        with pytest.raises(ValueError, match=said):
            step(optimizer)(state, (X, Y))
    step(optax.sgd(0.5))(plain, (X, Y))
