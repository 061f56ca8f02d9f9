"""fit repeats itself to the bit, uses every example once an epoch, refuses bad input, keeps the last good state."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.sparse

import funcnn as fn
from funcnn.training._order import epoch_order
from funcnn.training._state import Position
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(10, 3)), jnp.float32)
Y = jnp.asarray(RNG.normal(size=(10, 2)), jnp.float32)
LABELS = jnp.asarray(RNG.integers(0, 2, 10))
MODEL = fn.serial(fn.linear(5), fn.tanh, fn.linear(2))
KEY = jax.random.key(0)


SGD = optax.sgd(0.1)
START = fn.TrainState.create(MODEL, optax.sgd(0.1), KEY, X)


def fit(model=MODEL, loss=fn.losses.squared_error, optimizer=optax.sgd(0.1), data=(X, Y), **options):
    key = None if options.get("state") else KEY
    return fn.fit(model, loss, optimizer, data, **({"epochs": 3, "key": key, "progress": False} | options))


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [None, 1, 4, 5, 10])
def test_it_is_the_loop_over_steps(batch_size):
    state, history = fit(batch_size=batch_size)
    size = batch_size or 10
    expected, losses = fn.TrainState.create(MODEL, optax.sgd(0.1), KEY, X), []
    step = fn.make_step(MODEL, fn.losses.squared_error, optax.sgd(0.1))
    for epoch in range(3):
        expected = expected._replace(position=Position(np.int32(epoch)))
        order = np.arange(10) if size == 10 else epoch_order(expected, 10)
        total = 0.0
        for start in range(0, 10, size):
            rows = order[start : start + size]
            expected, metrics = step(expected, (X[rows], Y[rows]))
            total += float(metrics["loss"]) * len(rows)
        losses.append(total / 10)
    assert_close(state.params, expected.params, 1e-6)
    assert history["loss"] == pytest.approx(losses, rel=1e-6)
    assert int(state.step) == int(expected.step)


def in_epoch(i):
    return fn.TrainState((), (), KEY, jnp.asarray(0), Position(jnp.asarray(i)))


@pytest.mark.parametrize("n", [1, 2, 3, 10, 923, 4096, 5000])
def test_every_epoch_has_an_order_of_its_own(n):
    orders = [np.asarray(epoch_order(in_epoch(i), n)) for i in range(3)]
    for order in orders:
        assert sorted(order) == list(range(n))
    if n >= 10:
        assert any((orders[0] != o).any() for o in orders[1:])
        assert (orders[0] != np.arange(n)).any()


def test_every_order_of_four_is_equally_likely():
    orders = jax.vmap(lambda i: epoch_order(in_epoch(i), 4))(jnp.arange(24_000))
    _, counts = np.unique(np.asarray(orders), axis=0, return_counts=True)
    assert len(counts) == 24
    assert ((counts - 1000) ** 2 / 1000).sum() < 50  # chi-squared, 23 degrees of freedom: above 50 once in 1,000


@pytest.mark.slow
def test_the_same_call_gives_the_same_bits_and_another_key_others():
    (a, a_history), (b, b_history) = fit(batch_size=4, epochs=40), fit(batch_size=4, epochs=40)
    assert_close(a.params, b.params, 0.0)
    assert (a_history["loss"] == b_history["loss"]).all()
    c, _ = fit(batch_size=4, epochs=40, key=jax.random.key(1))
    assert not (a.params[0]["w"] == c.params[0]["w"]).all()


@pytest.mark.slow
@jax.numpy_dtype_promotion("standard")  # optax promotes step counts to floats
def test_it_goes_on_from_a_state_as_if_it_had_not_stopped():
    whole, history = fit(batch_size=4, epochs=6, optimizer=optax.adam(0.01))
    half, first = fit(batch_size=4, epochs=2, optimizer=optax.adam(0.01))
    rest, second = fit(batch_size=4, epochs=4, optimizer=optax.adam(0.01), state=half)
    assert_close(rest, whole, 0.0)
    assert (np.concatenate([first["loss"], second["loss"]]) == history["loss"]).all()
    assert not half.params[0]["w"].is_deleted()


def test_no_epochs_give_the_start():
    state, history = fit(epochs=0)
    assert int(state.step) == 0
    assert history["loss"].shape == (0,)


def test_inputs_and_targets_may_be_pytrees_and_numpy():
    model = fn.serial(lambda x: x["a"] + x["b"], MODEL)
    data = ({"a": np.asarray(X), "b": np.asarray(X)}, np.asarray(Y))
    state, _ = fit(model, data=data, batch_size=3)
    assert int(state.step) == 12


def test_noise_has_a_key_of_its_own_each_step():
    def apply(params, x, *, key=None, training=False):
        assert training
        return x @ params + jax.random.normal(key, (x.shape[0], 2), x.dtype)

    noisy = fn.Layer(lambda key, x: jnp.zeros((3, 2), jnp.float32), apply)
    _, history = fit(noisy, optimizer=optax.sgd(0.0), epochs=5)
    assert len(set(history["loss"].tolist())) == 5


def with_value(a, place, value):
    return a.at[place].set(value)


class Table:
    """An array of another library, such as pandas' or PyTorch's: it has all that an array has, and NumPy can convert it."""

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def test_tables_are_arrays():
    model = fn.serial(lambda x: x["table"], MODEL)
    state, history = fit(model, data=({"table": Table(X)}, Table(Y)))
    expected, losses = fit(model, data=({"table": X}, Y))
    assert_close(state.params, expected.params, 0.0)
    assert_close(history["loss"], losses["loss"], 0.0)


WEIGHT = jnp.ones(10).at[3].set(0).at[7].set(0)


def test_a_target_of_weight_0_may_be_missing():
    there = np.flatnonzero(WEIGHT)
    missing = Y.at[3, 0].set(jnp.nan).at[7].set(-jnp.inf)
    state, history = fit(data=(X, missing, WEIGHT))
    expected, losses = fit(data=(X[there], Y[there]))
    assert_close(state.params, expected.params, 1e-6)
    assert_close(history["loss"], losses["loss"], 1e-6)
    after, metrics = fn.make_step(MODEL, fn.losses.squared_error, optax.sgd(0.1))(state, (X, missing, WEIGHT > 0))
    assert float(metrics["loss"]) < history["loss"][-1]
    chex.assert_tree_all_finite(after.params)


BAD = [
    ({"data": X}, TypeError, r"data must be a tuple \(inputs, \*targets\), got ArrayImpl"),
    ({"data": ()}, TypeError, "data must be a tuple"),
    ({"data": (X, [[1.0, 2.0]] * 10)}, TypeError, r"data\[1\] must be an array, got list: convert it with numpy.asarray"),
    ({"data": ({"a": scipy.sparse.csr_array(X)}, Y)}, TypeError,
     r"data\[0\]\['a'\] must be a dense array, got csr_array: convert it with .toarray\(\)$"),
    ({"data": (X, "ab")}, TypeError, r"data\[1\] must be an array, got str"),
    ({"data": (X, Table(np.array(["a"] * 10, object)))}, TypeError, r"data\[1\] must hold numbers, got object\[10\]$"),
    ({"data": (X, Y[:9])}, ValueError, r"data\[1\] must have as many examples as data\[0\], 10, got 9"),
    ({"data": (X[:0], Y[:0])}, ValueError, r"data\[0\] must not be empty, got float32\[0, 3\]"),
    ({"data": (X, jnp.float32(1))}, ValueError, r"data\[1\] must have a first axis of examples"),
    ({"data": (X, np.array([None] * 10))}, TypeError, r"data\[1\] must hold numbers, got object\[10\]"),
    ({"data": (X, np.array(["a"] * 10))}, TypeError, r"data\[1\] must hold numbers, got <U1\[10\]"),
    ({"data": ({"a": with_value(X, (2, 1), jnp.nan)}, Y)}, ValueError,
     r"data\[0\]\['a'\] must be finite, got nan at \[2, 1\]"),
    ({"data": (X, with_value(Y, (9, 0), -jnp.inf))}, ValueError, r"data\[1\] must be finite, got -inf at \[9, 0\]"),
    ({"data": (X, with_value(Y, (9, 0), jnp.nan), WEIGHT)}, ValueError, r"data\[1\] must be finite, got nan at \[9, 0\]"),
    ({"data": (with_value(X, (3, 1), jnp.nan), Y, WEIGHT)}, ValueError, r"data\[0\] must be finite, got nan at \[3, 1\]"),
    ({"data": (X.astype(int), Y)}, TypeError, r"layer 0: linear: x must be a floating-point array, got int64\[10, 3\]"),
    ({"data": (X[:, 0, None, None], Y)}, ValueError, r"target must be \[10, 1, 2\], the shape of prediction"),
    ({"data": (X, Y[:, 0])}, ValueError, r"target must be \[10, 2\], the shape of prediction, got float32\[10\]"),
    ({"data": (X, LABELS.at[3].set(2)), "loss": fn.losses.softmax_cross_entropy}, ValueError,
     r"labels must be class numbers from 0 to 1, got 2 at \[3\]"),
    ({"batch_size": 11}, ValueError, "batch_size must be from 1 to 10, the number of examples, got 11"),
    ({"batch_size": 0}, ValueError, "batch_size must be from 1 to 10"),
    ({"batch_size": 2.0}, TypeError, "batch_size must be an int, got 2.0"),
    ({"epochs": -1}, ValueError, "epochs must be at least 0, got -1"),
    ({"epochs": True}, TypeError, "epochs must be an int, got True"),
    ({"key": None}, TypeError, "key must be a jax.random.key, got None"),
    ({"key": 0}, TypeError, "key must be a jax.random.key, got 0"),
    ({"key": KEY, "state": START}, TypeError, "key must be None beside a state, which has a key of its own, got PRNGKey"),
    ({"loss": lambda p, y: (p - y) ** 2}, ValueError, r"loss must return a scalar, got float32\[10, 2\]"),
    ({"optimizer": 0.1}, TypeError, "optimizer must be an optax optimizer, got float"),
    ({"state": 3}, TypeError, "state must be a TrainState, got int"),
    ({"state": START._replace(position=Position(np.int32(2), np.int32(3))), "batch_size": 4}, ValueError,
     r"state\.position\.batch must be from 0 to 2, as 10 examples in batches of 4 make 3 an epoch, got 3"),
    ({"state": START._replace(position=Position(np.int32(0), np.int32(-1)))}, ValueError,
     r"state\.position\.batch must be from 0 to 0, as 10 examples in batches of 10 make 1 an epoch, got -1"),
    ({"state": START._replace(position=Position(np.int32(-2), np.int32(0)))}, ValueError,
     r"state\.position\.epoch must be at least 0, got -2"),
    ({"loss": "mse"}, TypeError, r"loss must be a function \(prediction, \*targets\) -> scalar, got str"),
    ({"state": START, "model": fn.serial(fn.linear(6), fn.tanh, fn.linear(2))}, ValueError,
     r"state must fit the model and the optimizer: params\.0\.b must be float32\[6\], got float32\[5\]; params\.0\.w must"),
    ({"state": START, "model": fn.serial(fn.linear(2))}, ValueError, r"; params\.2\.w must be absent, got float32\[5, 2\]"),
    ({"state": START, "optimizer": optax.sgd(0.1, momentum=0.9)}, ValueError,
     r"opt_state\.0\.trace\.0\.b must be float32\[5\], got nothing"),
    ({"state": START._replace(step=jnp.float32(0))}, ValueError, r"step must be int32\[\], got float32\[\]$"),
    ({"state": START._replace(params=[*START.params])}, ValueError, r"its containers must be PyTreeDef\("),
]  # fmt: skip


@pytest.mark.parametrize(("options", "error", "message"), BAD)
def test_bad_input_is_refused_in_one_line_before_anything_is_compiled(options, error, message, capsys):
    with pytest.raises(error, match=message) as caught:
        fit(**options, progress=True)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr() == ("", "")  # not even an empty progress bar


def images(window, first=lambda x: x):
    return fn.serial(first, fn.conv(2, window), fn.relu, fn.conv(1, window), fn.flatten, fn.linear(2))


@pytest.mark.slow
def test_square_images_without_channels_warn_where_they_are_taken_for_sequences():
    x = jnp.asarray(RNG.normal(size=(10, 4, 4)), jnp.float32)
    warning = (
        r"data\[0\] is float32\[10, 4, 4\], and a convolution .* pass images as x\[\.\.\., None\], .* window=\(3,\)"
    )
    for model in (images(3), images(3, first=lambda x: x / 2)):
        with pytest.warns(UserWarning, match=warning):
            fit(model, data=(x, Y), epochs=0)
    for model, inputs in [(images((3,)), x), (images(3), x[..., None]), (images(3), x[:, 1:]), (images(1), {"x": x})]:
        first = fn.serial(lambda x: x["x"], model) if isinstance(inputs, dict) else model
        fit(first, data=(inputs, Y), epochs=0)
    fit(fn.serial(fn.flatten, fn.linear(2)), data=(x, Y), epochs=0)


@pytest.mark.parametrize("batch_size", [None, 4])
def test_a_loss_that_becomes_nan_keeps_the_last_good_state(batch_size):
    def loss(prediction, y):
        return fn.losses.squared_error(prediction, y) * jnp.float32(1e4)

    with pytest.raises(
        fn.NonFiniteError, match=r"(loss|params\..*|opt_state.*) became (nan|inf|-inf) at step \d+ \(epoch \d+\)"
    ) as caught:
        fit(loss=loss, optimizer=optax.sgd(1e3), epochs=50, batch_size=batch_size)
    state, history = caught.value.state, caught.value.history
    chex.assert_tree_all_finite((state.params, history))
    assert f"at step {state.step} " in str(caught.value)
    steps = 1 if batch_size is None else 3
    assert len(history["loss"]) == int(state.step) // steps


def test_an_interruption_keeps_the_last_good_state():
    def interrupted(moment):
        if int(moment.state.position.epoch) > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(epochs=1000, watch=[interrupted])
    done = len(caught.value.history["loss"])
    assert int(caught.value.state.step) == done == 4
    expected, history = fit(epochs=done)
    assert_close(caught.value.state, expected, 0.0)
    assert (caught.value.history["loss"] == history["loss"]).all()
