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


def test_it_compiles_once_and_donates():
    step = fn.make_step(
        fn.serial(chex.assert_max_traces(fn.tanh, n=1), fn.linear(2)), fn.losses.squared_error, optax.sgd(0.1)
    )
    model = fn.serial(fn.tanh, fn.linear(2))
    first = state = fn.TrainState.create(model, optax.sgd(0.1), KEY, X)
    for _ in range(3):
        state, _ = step(state, (X, Y))
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(first.params))


def test_a_state_that_was_donated_says_so():
    step = fn.make_step(MODEL, fn.losses.squared_error, optax.sgd(0.1))
    state = fn.TrainState.create(MODEL, optax.sgd(0.1), KEY, X)
    step(state, (X, Y))
    message = r"^state was donated, params\.0\.b is gone: an earlier step took over its memory\. .* donate=False\)$"
    with pytest.raises(RuntimeError, match=message):
        step(state, (X, Y))
    with pytest.raises(RuntimeError, match=message):
        fn.fit(MODEL, fn.losses.squared_error, optax.sgd(0.1), (X, Y), epochs=1, state=state, progress=False)


def test_a_step_that_does_not_donate_keeps_every_state():
    state = fn.TrainState.create(MODEL, optax.sgd(0.1), KEY, X)
    step = fn.make_step(MODEL, fn.losses.squared_error, optax.sgd(0.1), donate=False)
    (first, _), (again, _) = step(state, (X, Y)), step(state, (X, Y))
    assert_close(first, again, 0.0)
    donating, _ = fn.make_step(MODEL, fn.losses.squared_error, optax.sgd(0.1))(state, (X, Y))
    assert_close(donating.params, first.params, 0.0)


def test_one_array_may_be_in_two_places_of_the_parameters():
    def apply(params, x, *, key=None, training=False):
        return x @ params["there"] + x @ params["here"]

    def init(key, x):
        w = jnp.ones((3, 2), jnp.float32)
        return {"here": w, "there": w}

    twice = fn.Layer(init, apply)
    state = fn.TrainState.create(twice, optax.sgd(0.1), KEY, X)
    state, _ = fn.make_step(twice, fn.losses.squared_error, optax.sgd(0.1))(state, (X, Y))
    assert_close(state.params["here"], state.params["there"], 0.0)


def test_a_state_starts_from_given_parameters_and_leaves_them():
    optimizer = optax.sgd(0.1, momentum=0.9)
    drawn = fn.TrainState.create(MODEL, optimizer, KEY, X)
    params = jax.tree.map(np.asarray, MODEL.init(KEY, X)), jax.tree.map(jnp.asarray, MODEL.init(KEY, X))
    for given in params:
        for x in (None, X):
            state = fn.TrainState.create(MODEL, optimizer, KEY, x, params=given)
            assert_close(state.params, jax.tree.map(jnp.asarray, given), 0.0)
            chex.assert_trees_all_equal_shapes_and_dtypes(state, drawn)
            assert_close((state.key, state.opt_state), (drawn.key, drawn.opt_state), 0.0)
        fn.make_step(MODEL, fn.losses.squared_error, optimizer)(state, (X, Y))
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(params[1]))


def test_parameters_of_a_weak_type_compile_no_second_step():
    temperature = fn.Layer(lambda key, x: {"t": jnp.asarray(1.0) * 1.0, "u": 2.0},
                           lambda params, x, **_: x * (params["t"] + params["u"]).astype(x.dtype))  # fmt: skip
    model = fn.serial(temperature, chex.assert_max_traces(fn.tanh, n=1), fn.linear(2))
    once = fn.serial(temperature, fn.tanh, fn.linear(2))
    state = fn.TrainState.create(once, optax.sgd(0.1), KEY, X)
    step = fn.make_step(model, fn.losses.squared_error, optax.sgd(0.1))
    for _ in range(2):
        state, _ = step(state, (X, Y))


WITH_BOOL = fn.TrainState({"n": jnp.array(True)}, optax.sgd(0.1).init(()), KEY, jnp.int32(0))
BAD = [
    (lambda: fn.TrainState.create(MODEL, optax.sgd(0.1), KEY), TypeError, "x must be a batch of inputs where no params"),
    (lambda: fn.TrainState.create(MODEL, optax.sgd(0.1), KEY, X, params=({"w": X}, (), {})), ValueError,
     r"params must be such as the model has for x: 0\.b must be float32\[5\], got nothing; 0\.w must be float32\[3, 5\],"),
    (lambda: fn.TrainState.create(MODEL, optax.sgd(0.1), KEY, params={"a": [X, jnp.arange(3)]}), TypeError,
     r"params\.a\.1 must be floating-point, to be learned, got int64\[3\]: what is not learned belongs into"),
    (lambda: fn.make_step(fn.tanh, jnp.sum, optax.sgd(0.1))(WITH_BOOL, (X,)),
     TypeError, r"params\.n must be floating-point, to be learned, got bool\[\]"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_a_bad_start_says_what_was_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


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
