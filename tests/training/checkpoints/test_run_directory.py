"""A run keeps its directory to itself, and its last good state whatever ends it: a watcher, NaN, or a full disk."""

import os

import jax
import numpy as np
import optax
import pytest

import funcnn as fn
from tests.helpers.checkpointed import SGD, CutError, X, Y, cut_at, fit
from tests.helpers.digest import digest


@pytest.fixture(scope="module", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):  # optax promotes step counts to floats
        yield


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    folder = tmp_path_factory.mktemp("begun")
    fit(epochs=1, checkpoint=folder)
    return folder


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": jax.random.key(1)}, r"key must be \[\d+, \d+\], got"),
        ({"batch_size": 5}, "batch_size must be 4, got 5"),
        ({"data": (X[:9], Y[:9])}, "examples of data must be 10, got 9"),
        ({"model": fn.linear(2)}, r"is not of this model and optimizer: .*state\.params\.0\.w must be absent"),
        ({"optimizer": SGD}, r"state\.opt_state\.0\.trace\.0\.w must be float32\[3, 4\], got nothing"),
        ({"metrics": {"error": lambda p, y: (p.sum(), 1)}}, "began with: error.0 must be absent|error.0 must be"),
        ({"validation": (X, Y)}, "metrics and validation must be those that the run began with"),
    ],
)
def test_another_run_in_the_directory_is_refused_by_name(options, message, begun):
    before = {path.name: path.read_bytes() for path in begun.iterdir()}
    with pytest.raises(ValueError, match=message):
        fit(epochs=5, checkpoint=begun, **options)
    assert {path.name: path.read_bytes() for path in begun.iterdir()} == before


@pytest.mark.parametrize("where", [0, 1, 4])
def test_whatever_a_watcher_raises_the_state_is_saved(where, tmp_path):
    with pytest.raises(CutError):
        fit(checkpoint=fn.Checkpointer(tmp_path, every_seconds=None, every_steps=1), watch=[cut_at(where)])
    assert fn.Checkpointer(tmp_path).steps()[-1:] == ([where - 1] if where else [])


@pytest.mark.slow
def test_what_is_not_finite_is_never_saved(tmp_path):
    exploding = optax.sgd(optax.piecewise_constant_schedule(0.1, {4: 1e38}))
    with pytest.raises(fn.NonFiniteError, match="at step") as error:
        fit(optimizer=exploding, checkpoint=tmp_path, epochs=20)
    state, history = fn.Checkpointer(tmp_path).restore(error.value.state)
    assert digest(state, history) == digest(error.value.state, error.value.history)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))


def test_a_disk_that_is_full_is_told_before_the_first_step(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: os.statvfs_result([0] * 10) and type("", (), {"free": 10}))
    taken = []
    with pytest.raises(OSError, match=r"step_0000000000.npz, [\d,]+ bytes where 10 are free: No space left") as error:
        fit(checkpoint=tmp_path / "run", watch=[lambda moment: taken.append(int(moment.state.step))])
    assert taken == [0]
    assert int(error.value.state.step) == 0
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]


def test_a_disk_that_becomes_full_ends_training_with_the_state(tmp_path, monkeypatch):
    def fill(moment):
        if int(moment.state.step) == 3:
            monkeypatch.setattr("shutil.disk_usage", lambda _: type("", (), {"free": 10}))

    with pytest.raises(OSError, match="No space left on device") as error:
        fit(checkpoint=fn.Checkpointer(tmp_path, every_steps=1), watch=[fill])
    assert int(error.value.state.step) in (3, 4, 5)
    assert fn.Checkpointer(tmp_path).steps() == [1, 2]


def test_a_run_holds_its_directory_until_it_ends(tmp_path):
    def again(moment):
        if int(moment.state.step) == 3:
            fit(checkpoint=tmp_path)

    with pytest.raises(RuntimeError, match=r"another run, process .* writes checkpoints into"):
        fit(checkpoint=tmp_path, watch=[again])
    fn.Checkpointer(tmp_path).claim()


def test_a_refused_run_leaves_its_directory_free(tmp_path):
    fit(epochs=1, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="batch_size must be") as error:
        fit(batch_size=5, checkpoint=tmp_path)
    fn.Checkpointer(tmp_path).claim()
    del error  # whose traceback holds all that the call made


def test_a_checkpoint_is_a_directory_or_a_checkpointer():
    with pytest.raises(TypeError, match="checkpoint must be a directory or a Checkpointer, got int"):
        fit(checkpoint=3)
