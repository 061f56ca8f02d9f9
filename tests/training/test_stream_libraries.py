"""Loaders of other libraries are data: grain's and PyTorch's; stand-ins for TensorFlow's and Hugging Face's."""

import warnings

import jax
import numpy as np
import optax
import pytest

import funcnn as fn
from funcnn.training._plan import Plan
from funcnn.training._step import plain_step
from funcnn.training.streams._encoded import decoded, encoded
from funcnn.training.streams._iterables import Passes
from funcnn.training.streams._stream import Stream
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 3)).astype("float32"), RNG.normal(size=(10, 2)).astype("float32")
BATCHES = [(X[i : i + 4], Y[i : i + 4]) for i in (0, 4, 8)]
MODEL, LOSS, OPTIMIZER, KEY = fn.linear(2), fn.losses.squared_error, optax.sgd(0.1), jax.random.key(0)
STEP = plain_step(MODEL, LOSS, OPTIMIZER)


def fit(data, epochs=2, **options):
    return fn.fit(MODEL, LOSS, OPTIMIZER, data, epochs=epochs, key=KEY, progress=False, **options)[0]


def cut_and_resumed(make, steps, cut):
    """The state after so many steps of a run that is cut, and goes on with new data that are told where these stood."""
    begun = fn.TrainState.create(MODEL, OPTIMIZER, KEY, X)
    first = Stream(Passes(make()))
    for moment in first.train(STEP, begun, Plan(steps=steps, interval=1)):
        if int(moment.state.step) == cut:
            break
    second = Stream(Passes(make()))
    second.restore(first.state())
    *_, last = second.train(STEP, moment.state, Plan(steps=steps))
    return last.state


def grains(seed=None, repeat=None):
    grain = pytest.importorskip("grain")
    data = grain.MapDataset.source(list(zip(X, Y, strict=True)))
    data = data if seed is None else data.seed(seed).shuffle()
    return data.repeat(repeat).batch(4).to_iter_dataset(grain.ReadOptions(num_threads=0, prefetch_buffer_size=0))


@pytest.mark.slow
def test_grain_s_datasets_are_passed_through_each_epoch():
    assert_close(fit(grains(repeat=1)), fit(BATCHES), 0.0)


@pytest.mark.slow
def test_grain_s_iterators_go_on_where_they_stood():
    begun = fn.TrainState.create(MODEL, OPTIMIZER, KEY, X)
    *_, whole = Stream(Passes(iter(grains(seed=1)))).train(STEP, begun, Plan(steps=7))
    for cut in (1, 3, 6):
        assert_close(cut_and_resumed(lambda: iter(grains(seed=1)), 7, cut), whole.state, 0.0)


def test_pytorch_s_loader():
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(torch.as_tensor(X), torch.as_tensor(Y))
    assert_close(fit(torch.utils.data.DataLoader(data, batch_size=4)), fit(BATCHES), 0.0)


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")
def test_torchdata_s_stateful_loader_goes_on_where_it_stood():
    torch = pytest.importorskip("torch")
    stateful = pytest.importorskip("torchdata.stateful_dataloader")
    data = torch.utils.data.TensorDataset(torch.as_tensor(X), torch.as_tensor(Y))

    def loader(epoch):
        order = torch.Generator().manual_seed(epoch)
        return stateful.StatefulDataLoader(data, batch_size=4, shuffle=True, generator=order)

    *_, whole = Stream(Passes(loader)).train(STEP, fn.TrainState.create(MODEL, OPTIMIZER, KEY, X), Plan(steps=7))
    for cut in (1, 3, 5):
        with warnings.catch_warnings():
            warnings.filterwarnings("error", ".*read and left out")
            assert_close(cut_and_resumed(lambda: loader, 7, cut), whole.state, 0.0)


class EagerTensor:
    """A stand-in for TensorFlow's, which NumPy can convert."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


class Table:
    """A stand-in for a streamed dataset of Hugging Face's: batches are dicts of lists, and the dataset has the state."""

    def __init__(self):
        self.at = self.start = 0
        self.shape = (10, 2)

    def __iter__(self):
        for i in range(self.start, 3):
            self.at, self.start = i + 1, 0
            yield {"x": BATCHES[i][0].tolist(), "y": BATCHES[i][1].tolist()}

    def state_dict(self):
        return {"shard": None, "at": self.at}

    def load_state_dict(self, state):
        self.start = state["at"]


def test_a_stand_in_for_tensorflow_s_dataset():
    assert_close(fit([tuple(map(EagerTensor, batch)) for batch in BATCHES]), fit(BATCHES), 0.0)


def test_a_stand_in_for_hugging_face_s_dataset():
    arrays = lambda batch: (np.float32(batch["x"]), np.float32(batch["y"]))
    assert_close(fit(Table(), map=arrays), fit(BATCHES), 0.0)

    begun = fn.TrainState.create(MODEL, OPTIMIZER, KEY, X)
    first = Stream(Passes(Table()), arrays)
    for moment in first.train(STEP, begun, Plan(steps=6, interval=1)):
        if int(moment.state.step) == 2:
            break
    second = Stream(Passes(Table()), arrays)
    second.restore(first.state())
    *_, last = second.train(STEP, moment.state, Plan(epochs=2))
    assert_close(last.state, fit(BATCHES), 0.0)


def test_states_are_written_and_read_back():
    state = {"a": [1, 2.5, None, True, "x"], "b": (b"\0\xff", {3: {}}), "c": np.arange(6, dtype="uint8").reshape(2, 3)}
    back = decoded(encoded(state))
    assert (back["c"] == state["c"]).all()
    assert back["c"].dtype == np.uint8
    del back["c"], state["c"]
    assert back == state
    assert decoded(encoded({"nan": np.float32("inf")}))["nan"] == np.inf
    with pytest.raises(TypeError, match="a state of numbers, text, bytes and arrays to be saved, got object in it"):
        encoded({"a": [object()]})
