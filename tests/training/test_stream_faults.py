"""Batches that are wrong are refused where they are read, and what was trained before any fault is kept."""

import jax
import numpy as np
import pytest

import funcnn as fn
from tests.helpers.batches import BATCHES, KEY, MODEL, OPTIMIZER, X, Y, fit
from tests.helpers.judge import assert_close


@pytest.fixture(scope="module", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):  # optax promotes step counts to floats
        yield


def broken(at, error):
    """Batches, of which one is replaced by an error."""

    def batches():
        for i, batch in enumerate(BATCHES * 2):
            if i == at:
                raise error
            yield batch

    return batches


@pytest.mark.parametrize("at", [1, 2, 5])
def test_nothing_is_lost_when_the_data_fail(at):
    with pytest.raises(OSError, match="the disk is gone") as caught:
        fit(broken(at, OSError("the disk is gone")), epochs=2)
    assert caught.value.__notes__ == [f"This was batch {at} of epoch 0, counted from 0."]
    assert_close(caught.value.state, fit(BATCHES * 2, steps=at)[0], 0.0)
    assert len(caught.value.history["loss"]) == 0


NAN = X[:4].copy()
NAN[2, 1] = np.nan


@pytest.mark.parametrize("before", [0, 1, 2, 4])
def test_the_step_that_fails_is_found_and_the_state_before_it_is_kept(before):
    good = (BATCHES * 2)[:before]
    with pytest.raises(
        fn.NonFiniteError, match=r"became nan at step \d .*: batch\[0\] must be finite, got nan at \[2, 1\]"
    ) as caught:
        fit([*good, (NAN, Y[:4]), *BATCHES], epochs=2)
    assert f"at step {before} (epoch 0, batch {before})" in str(caught.value)
    assert_close(
        caught.value.state,
        fit(good, steps=before)[0] if before else fn.TrainState.create(MODEL, OPTIMIZER, KEY, X),
        0.0,
    )


def test_a_label_that_no_class_has_is_named():
    labels = np.int32([0, 1, 0, 1])
    wrong = np.int32([0, 1, 2, 1])
    with pytest.raises(fn.NonFiniteError, match=r"step 1 \(epoch 0, batch 1\): .*labels must be .* got 2"):
        fn.fit(fn.linear(2), fn.losses.softmax_cross_entropy, OPTIMIZER, [(X[:4], labels), (X[:4], wrong)],
               epochs=1, key=KEY, progress=False)  # fmt: skip


FIRST = BATCHES[0]
BAD = {
    "nothing": ([], TypeError, "data must be a tuple"),
    "no batch": (list, ValueError, "data must have at least one batch, got none"),
    "no batch later": (lambda epoch: [] if epoch else BATCHES, ValueError, "one batch an epoch, got none in epoch 1"),
    "no iterable": (lambda: 3, TypeError, "data must give an iterable of batches when called, got int"),
    "an array": (X, TypeError, r"data must be a tuple \(inputs, \*targets\), got ndarray"),
    "not a tuple": (lambda: [X], TypeError, r"batch must be a tuple \(inputs, \*targets\), got ndarray"),
    "a dict": (lambda: [{"x": X}], TypeError, r"got a dict of \['x'\]: a map makes one of it"),
    "words": (lambda: [(X, np.array(["a"] * 10))], TypeError, r"batch\[1\] must hold numbers"),
    "lengths": ([FIRST, (X, Y[:3])], ValueError, r"batch\[1\] must have as many examples as batch\[0\], 10, got 3"),
    "no example": ([FIRST, (X[:0], Y[:0])], ValueError, r"batch\[0\] must not be empty"),
    "another dtype": (
        [FIRST, (X.astype(int), Y)],
        ValueError,
        r"batch\[0\] must be float32 with 2 axes, got int64",
    ),
    "another structure": (
        [FIRST, (X, Y, Y)],
        ValueError,
        r"the dtypes of the first: batch\[2\] must be absent",
    ),
    "another model's": ([FIRST, (X[:, :2], Y)], ValueError, r"linear: w must be \[2, m\] to follow x \[10, 2\]"),
    "an end": (iter(BATCHES), ValueError, "and list_iterator is an iterator, which cannot begin again"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_are_refused_where_they_are_read(name):
    data, error, message = BAD[name]
    with pytest.raises(error, match=message) as caught:
        fit(data, steps=5)
    if hasattr(caught.value, "state"):
        assert int(caught.value.state.step) == {"no batch later": 3, "an end": 3}.get(name, 1)


def test_bad_arguments_are_refused_before_a_batch_is_read():
    with pytest.raises(ValueError, match="for 2 epochs; or fit takes steps: got an iterator"):
        fit(iter(BATCHES), epochs=2)
    with pytest.raises(TypeError, match="batch_size must be None where data are batches already, got 4"):
        fit(BATCHES, epochs=1, batch_size=4)
    with pytest.raises(TypeError, match="map must be a function of a batch, or on_device"):
        fit(BATCHES, epochs=1, map=3)
    with pytest.raises(TypeError, match="on_device: function must be a function of a batch, got int"):
        fn.on_device(3)
