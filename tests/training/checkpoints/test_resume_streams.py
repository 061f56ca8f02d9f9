"""Runs on batches, and runs that are watched, go on from checkpoints to the same bits and read on where they stood."""

import jax
import numpy as np
import optax
import pytest

import funcnn as fn
from tests.helpers.digest import digest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype(np.float32)
Y = RNG.normal(size=(10, 2)).astype(np.float32)
MODEL, OPTIMIZER = fn.linear(2), optax.adamw(0.01)
EPOCHS, BATCHES = 3, 3


@pytest.fixture(scope="module", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):  # optax promotes step counts to floats
        yield


def fit(data, optimizer=OPTIMIZER, **options):
    given = {"epochs": EPOCHS, "key": jax.random.key(0), "progress": False}
    return fn.fit(MODEL, fn.losses.squared_error, optimizer, data, **(given | options))


def batch(number):
    """One of nine, each the only one with its number; the third of each epoch is shorter."""
    rows = np.random.default_rng(number).permutation(10)[: 2 if number % BATCHES == 2 else 4]
    return X[rows] + number, Y[rows]


class Shards:
    """An epoch's batches, which knows where it stands and which of them were read."""

    def __init__(self, epoch, read):
        self.at, self.epoch, self.read = 0, epoch, read

    def __iter__(self):
        return self

    def __next__(self):
        if self.at == BATCHES:
            raise StopIteration
        self.at += 1
        self.read.append((self.epoch, self.at - 1))
        return batch(self.epoch * BATCHES + self.at - 1)


class Seekable(Shards):
    """The same, which can go on from a state of its own."""

    def get_state(self):
        return {"at": self.at}

    def set_state(self, state):
        self.at = state["at"]


def stopping_after(steps):
    return lambda moment: int(moment.state.step) >= steps


def stopped(folder, data, steps, **options):
    checkpointer = fn.Checkpointer(folder, every_seconds=None, every_steps=1)
    fit(data, checkpoint=checkpointer, watch=[stopping_after(steps)], **options)
    assert fn.Checkpointer(folder).steps()[-1] == steps


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 3, pytest.param(4, id="the data start again from the first shard"), 5])
def test_a_stream_with_a_state_reads_on_where_it_stood(steps, tmp_path):
    expected = digest(*fit(lambda epoch: Seekable(epoch, [])))
    stopped(tmp_path, lambda epoch: Seekable(epoch, []), steps)
    read = []
    assert digest(*fit(lambda epoch: Seekable(epoch, read), checkpoint=tmp_path)) == expected
    first = (0, 0)  # which tells what batches look like
    assert [place for place in read if place != first] == [divmod(i, BATCHES) for i in range(steps, EPOCHS * BATCHES)]


@pytest.mark.slow
@pytest.mark.parametrize("steps", [3, 4])
def test_a_stream_without_one_leaves_out_what_was_trained_on(steps, tmp_path):
    expected = digest(*fit(lambda epoch: Shards(epoch, [])))
    stopped(tmp_path, lambda epoch: Shards(epoch, []), steps)
    left_out = steps % BATCHES or BATCHES  # that an epoch has ended is known when the next batch is read
    with pytest.warns(UserWarning, match=f"{left_out} batches of data are read and left out"):
        resumed = fit(lambda epoch: Shards(epoch, []), checkpoint=tmp_path)
    assert digest(*resumed) == expected


@pytest.mark.slow
def test_arrays_that_are_mapped_go_on_in_the_middle_of_an_epoch(tmp_path):
    def noisy(batch, key):
        x, y = batch
        return x + np.float32(jax.random.normal(key)), y

    options = {"batch_size": 4, "map": noisy}
    expected = digest(*fit((X, Y), **options))
    stopped(tmp_path, (X, Y), 4, **options)
    assert digest(*fit((X, Y), checkpoint=tmp_path, **options)) == expected
    with pytest.raises(ValueError, match="batch_size must be 4, got 5"):
        fit((X, Y), checkpoint=tmp_path, batch_size=5, map=noisy)


RISING = optax.sgd(optax.piecewise_constant_schedule(0.05, {6: 20.0}))  # after two epochs the loss grows


@pytest.mark.slow
@pytest.mark.parametrize("steps", [2, 6, pytest.param(9, id="best checkpoint overwritten by a worse one"), 10])
def test_the_best_state_is_not_replaced_by_a_worse_one(steps, tmp_path):
    watch = [fn.best_state("loss")]
    options = {"epochs": 6, "batch_size": 4, "optimizer": RISING}
    expected = fit((X, Y), watch=watch, **options)
    best = int(np.argmin(expected[1]["loss"])) + 1
    assert int(expected[0].position.epoch) == best < 6
    checkpointer = fn.Checkpointer(tmp_path, every_steps=1)
    fit((X, Y), checkpoint=checkpointer, watch=[fn.best_state("loss"), stopping_after(steps)], **options)
    again = fit((X, Y), checkpoint=tmp_path, watch=[fn.best_state("loss")], **options)
    assert digest(*again) == digest(*expected)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [7, 11])
def test_patience_goes_on(steps, tmp_path):
    patient = lambda: fn.early_stopping("loss", patience=2)
    options = {"epochs": 20, "batch_size": 4, "optimizer": RISING}
    expected = fit((X, Y), watch=[patient()], **options)
    assert int(expected[0].position.epoch) < 20
    checkpointer = fn.Checkpointer(tmp_path, every_steps=1)
    fit((X, Y), checkpoint=checkpointer, watch=[patient(), stopping_after(steps)], **options)
    assert digest(*fit((X, Y), checkpoint=tmp_path, watch=[patient()], **options)) == digest(*expected)
    with pytest.warns(UserWarning, match="was finished"):
        again = fit((X, Y), checkpoint=tmp_path, watch=[patient()], **options)
    assert digest(*again) == digest(*expected)
