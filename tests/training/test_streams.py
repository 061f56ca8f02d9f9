"""Whatever gives batches trains like the arrays that it gives; no batch is lost, and no read thread is left behind."""

import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from funcnn.training._plan import Plan
from funcnn.training._step import plain_step
from funcnn.training.streams._iterables import Passes
from funcnn.training.streams._prefetch import prefetched
from funcnn.training.streams._reading import once_through
from funcnn.training.streams._stream import Stream
from tests.helpers.batches import BATCHES, KEY, LOSS, MODEL, OPTIMIZER, X, Y, endless, fit, reading
from tests.helpers.judge import assert_close

STEP = plain_step(MODEL, LOSS, OPTIMIZER)


@pytest.fixture(scope="module", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):  # optax promotes step counts to floats
        yield


class Numbered:
    """An iterator over the batches, again and again, that knows where it stands."""

    def __init__(self, batches=BATCHES):
        self.batches, self.at = batches, 0

    def __iter__(self):
        return self

    def __next__(self):
        self.at += 1
        return self.batches[(self.at - 1) % len(self.batches)]

    def get_state(self):
        return {"at": self.at}

    def set_state(self, state):
        self.at = state["at"]


KINDS = {
    "a list": lambda: BATCHES,
    "a list of lists": lambda: [list(batch) for batch in BATCHES],
    "a function": lambda: lambda: iter(BATCHES),
    "a function of the epoch": lambda: lambda epoch: BATCHES if epoch < 2 else None,
    "JAX's arrays": lambda: [tuple(map(jnp.asarray, batch)) for batch in BATCHES],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_trains_like_a_loop_of_ones_own(kind):
    step = fn.make_step(MODEL, LOSS, OPTIMIZER, donate=False)
    expected, losses = fn.TrainState.create(MODEL, OPTIMIZER, KEY, X), []
    for x, y in BATCHES * 2:
        expected, metrics = step(expected, (x, y))
        losses.append(float(metrics["loss"]) * len(x))
    state, history = fit(KINDS[kind](), epochs=2)
    assert_close(state.params, expected.params, 1e-6)
    assert int(state.step) == 6
    assert tuple(map(int, state.position)) == (2, 0)
    assert_close(history["loss"], np.float32([sum(losses[:3]) / 10, sum(losses[3:]) / 10]), 1e-6)
    assert list(history["step"]) == [3, 6]
    assert list(history["epoch"]) == [1, 2]


@pytest.mark.slow
def test_arrays_that_are_mapped_on_the_host_train_like_arrays():
    for batch_size in (4, None):
        state, history = fit((X, Y), epochs=2, batch_size=batch_size, map=lambda batch: batch)
        expected, expected_history = fit((X, Y), epochs=2, batch_size=batch_size)
        assert_close(state, expected, 1e-6)
        assert_close(history["loss"], expected_history["loss"], 1e-6)


def noisy(batch, key):
    x, y = batch
    return x + jax.random.normal(key, x.shape, x.dtype), y


@pytest.mark.slow
def test_a_map_draws_the_same_noise_on_host_and_device_and_wherever_training_is_cut():
    expected, _ = fit(BATCHES, epochs=2, map=noisy)
    assert abs(expected.params[0]["w"] - fit(BATCHES, epochs=2)[0].params[0]["w"]).max() > 1e-3
    assert_close(fit(BATCHES, epochs=2, map=fn.on_device(noisy))[0], expected, 1e-5)
    begun, _ = fit(BATCHES, steps=4, map=noisy)
    with pytest.warns(UserWarning, match="^1 batches of data are read and left out"):
        state, _ = fit(BATCHES, state=begun, steps=2, map=noisy)
    assert_close(state.params, expected.params, 0.0)
    arrays = {"epochs": 2, "batch_size": 4}
    begun, _ = fit((X, Y), steps=4, batch_size=4, map=noisy)
    state, _ = fit((X, Y), steps=2, batch_size=4, map=noisy, state=begun)
    assert_close(state.params, fit((X, Y), map=noisy, **arrays)[0].params, 0.0)
    assert_close(
        fit((X, Y), map=fn.on_device(noisy), **arrays)[0].params, fit((X, Y), map=noisy, **arrays)[0].params, 1e-5
    )


@pytest.mark.slow
def test_a_map_makes_batches_of_anything():
    named = [{"image": x, "label": y} for x, y in BATCHES]
    unpacked = lambda batch: (batch["image"], batch["label"])
    assert_close(fit(lambda: named, epochs=1, map=unpacked)[0], fit(BATCHES, epochs=1)[0], 0.0)
    halves = [(x.astype("float64") / 2, y) for x, y in BATCHES]
    doubled = fn.on_device(lambda batch: (jnp.float32(2) * batch[0].astype("float32"), batch[1]))
    assert_close(fit(halves, epochs=1, map=doubled)[0], fit(BATCHES, epochs=1)[0], 1e-6)


def test_no_more_is_read_than_is_trained_on():
    data = Numbered()
    state, history = fit(data, steps=4)
    assert data.at == 4
    assert len(history["loss"]) == 1
    rest, _ = fit(data, state=state, steps=3)
    assert data.at == 7
    assert_close(rest.params, fit(endless(), steps=7)[0].params, 0.0)

    called = []
    fit(lambda epoch: called.append(epoch) or BATCHES, epochs=3)
    assert called == [0, 1, 2]


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_a_state_of_the_data_s_own_is_that_after_the_last_batch_trained_on(steps):
    def after(data, state, steps):
        *_, last = data.train(STEP, state, Plan(steps=steps, interval=2))
        return last.state

    begun = fn.TrainState.create(MODEL, OPTIMIZER, KEY, X)
    expected = after(Stream(Passes(Numbered())), begun, 6)

    first = Stream(Passes(Numbered()))
    for moment in first.train(STEP, begun, Plan(steps=6, interval=1)):
        if int(moment.state.step) == steps:
            break
    saved = first.state()
    second = Stream(Passes(Numbered()))
    second.restore(saved)
    assert_close(after(second, moment.state, 6), expected, 0.0)
    assert saved["data"].dtype == np.uint8


def test_without_a_state_batches_are_left_out():
    state, _ = fit(BATCHES, steps=2)
    again = Stream(Passes(iter(BATCHES)))
    again.restore({})
    with pytest.warns(UserWarning, match="^2 batches of data are read and left out"):
        *_, last = again.train(STEP, state, Plan(epochs=1))
    assert_close(last.state, fit(BATCHES, epochs=1)[0], 0.0)
    with (
        pytest.warns(UserWarning, match="read and left out"),
        pytest.raises(ValueError, match=r"the 2 batches .* got 1"),
    ):
        fit(BATCHES[:1], state=state, epochs=1)


def test_what_is_read_ahead_is_bounded_and_closed_by_the_thread_that_reads():
    made, closed = [], []

    def items():
        try:
            for i in range(100):
                made.append(i)
                yield i
        finally:
            time.sleep(0.1)
            closed.append(threading.current_thread().name)

    ahead = prefetched(items(), ahead=3)
    assert [next(ahead), next(ahead)] == [0, 1]
    time.sleep(0.05)
    assert len(made) <= 5
    ahead.close()
    assert closed == ["funcnn-data"]
    assert list(prefetched(i for i in range(5))) == [0, 1, 2, 3, 4]


def test_a_buffer_may_be_filled_anew():
    x, y = np.zeros((4, 3), "float32"), np.zeros((4, 2), "float32")

    def filled():
        for i in (0, 4, 6):
            x[:], y[:] = X[i : i + 4], Y[i : i + 4]
            yield x, y

    assert_close(fit(filled, epochs=2)[0], fit([(X[i : i + 4], Y[i : i + 4]) for i in (0, 4, 6)], epochs=2)[0], 0.0)


def test_a_list_is_taken_as_it_lies_and_anything_else_is_read_ahead():
    threads: list[int] = []
    watch = lambda moment: threads.append(len(reading()))
    of_list, _ = fit(BATCHES, epochs=2, watch=watch)
    assert set(threads) == {0}
    of_iterables, _ = fit(lambda: iter(BATCHES), epochs=2, watch=watch)
    assert set(threads) == {0, 1}
    threads.clear()
    fit(type("Filled", (list,), {})(BATCHES), epochs=2, watch=watch)  # whose class may fill a buffer anew
    assert 1 in threads
    assert_close(of_list, of_iterables, 0.0)
    (x, _), *_ = once_through(Passes(BATCHES))
    assert x is BATCHES[0][0]


@pytest.mark.slow
def test_each_shape_is_compiled_once_and_many_are_told():
    model = fn.serial(fn.linear(2))
    data = [(X[:n], Y[:n]) for n in (4, 2, 4, 2)]
    options = {"epochs": 2, "key": KEY, "progress": False}
    _, history = fn.fit(model, LOSS, OPTIMIZER, data, **options)
    assert list(history["compilations"]) == [2, 0]
    _, history = fn.fit(model, LOSS, OPTIMIZER, data, **options)
    assert list(history["compilations"]) == [0, 0]
    data = [(X[:n], Y[:n]) for n in range(1, 10)]
    with pytest.warns(UserWarning, match=r"batches of 9 shapes.* float32\[9, 3\], float32\[9, 2\]"):
        fn.fit(fn.linear(2), LOSS, OPTIMIZER, data, **options)


@pytest.mark.slow
def test_validation_and_calibration_take_what_training_takes():
    *_, (x, y) = BATCHES
    model = fn.serial(fn.linear(4), fn.batch_norm(), fn.linear(2))
    for data in (BATCHES, lambda: iter(BATCHES)):
        state, history = fn.fit(
            model, LOSS, OPTIMIZER, data, epochs=2, key=KEY, progress=False, validation=lambda: iter([(x, y)])
        )
        params = fn.calibrate(model, state.params, lambda: (x for x, _ in BATCHES))
        assert_close(state.params, params, 1e-6)
        assert_close(history["val_loss"][-1], np.asarray(LOSS(model.apply(params, x), jnp.asarray(y))), 1e-6)
    with pytest.raises(
        ValueError, match="validation must be passed through more than once, and generator is an iterator"
    ):
        fit(BATCHES, epochs=1, validation=endless())


def test_a_slow_source_is_waited_for():
    def slow():
        for batch in BATCHES:
            time.sleep(0.1)
            yield batch

    assert_close(fit(slow, epochs=1)[0], fit(BATCHES, epochs=1)[0], 0.0)


def test_a_watcher_ends_training_and_the_thread():
    state, history = fit(
        endless, steps=1000, validate_every=2, watch=lambda moment: moment.rows and moment.last["step"] >= 4
    )
    assert int(state.step) == 4
    assert len(history["loss"]) == 2
