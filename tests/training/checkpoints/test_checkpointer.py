"""A directory of checkpoints keeps the newest, falls back from a damaged one, and has one writer."""

import os
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from funcnn.training.checkpoints import _checkpointer, _files
from funcnn.training.checkpoints._format import BrokenFileError
from tests.helpers.judge import assert_close

HISTORY = {"loss": np.array([2.0, 1.0]), "val": {"confusion": np.eye(2)[None]}}


def state_at(step, optimizer=None, width=2):
    params = {"w": np.full((width,), step, np.float32)}
    opt_state = (optimizer or optax.sgd(0.1, momentum=0.9)).init(params)
    return fn.TrainState(params, opt_state, jax.random.key(0), np.int32(step))


@pytest.fixture
def checkpointer(tmp_path):
    checkpointer = fn.Checkpointer(tmp_path / "run")
    yield checkpointer
    checkpointer.close()


def files(checkpointer):
    return sorted(path.name for path in checkpointer.directory.iterdir())


def damage(checkpointer, step):
    with open(checkpointer.directory / f"step_{step:010}.npz", "r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"\0")


def test_what_was_saved_is_restored(checkpointer):
    state, extra = state_at(7), {"patience": 3, "best": [1.5, None, (jnp.ones(2), "text")], "key": jax.random.key(1)}
    checkpointer.save(state, HISTORY, extra)
    restored, history, more = checkpointer.read(
        like=jax.tree.map(jnp.zeros_like, state._replace(key=0))._replace(key=state.key)
    )
    assert_close(restored, jax.tree.map(jnp.asarray, state), 0.0)
    assert_close(history, HISTORY, 0.0)
    assert more["patience"] == 3
    assert more["best"][:2] == [1.5, None]
    assert more["best"][2][0].sum() == 2
    assert more["best"][2][1] == "text"
    assert more["key"] == jax.random.key(1)


def test_the_newest_are_kept_and_nothing_of_others_is_deleted(checkpointer):
    checkpointer.directory.mkdir()
    others = {"notes.txt", "step_1.npz", "step_0000000001.npz", ".step_0000000009.npz"}
    for name in others:
        (checkpointer.directory / name).write_text("mine")
    for step in [0, 10, 20, 30]:
        checkpointer.save(state_at(step), HISTORY)
    assert set(files(checkpointer)) == others | {"step_0000000020.npz", "step_0000000030.npz", ".lock"}


def test_the_new_one_is_written_before_an_old_one_is_deleted(tmp_path, monkeypatch):
    checkpointer = fn.Checkpointer(tmp_path, keep=1)
    checkpointer.save(state_at(1), HISTORY)
    seen = []

    def failing(*_):
        seen.append(checkpointer.steps())
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(_files, "write", failing)
        with pytest.raises(OSError, match=r"step_0000000002\.npz.*No space"):
            checkpointer.save(state_at(2), HISTORY)
    assert seen == [checkpointer.steps()] == [[1]]
    assert set(files(checkpointer)) == {".lock", "step_0000000001.npz"}
    checkpointer.save(state_at(3), HISTORY)
    assert checkpointer.steps() == [3]
    checkpointer.close()


def test_a_damaged_one_is_told_and_the_one_before_is_used(checkpointer):
    for step in [10, 20]:
        checkpointer.save(state_at(step), HISTORY)
    damage(checkpointer, 20)
    with pytest.warns(
        UserWarning, match=r"step_0000000020.npz is not as funcnn wrote it.* The checkpoint before it is used"
    ):
        state, _ = checkpointer.restore(state_at(0))
    assert state.step == 10
    with pytest.raises(BrokenFileError, match=r"20\.npz"):
        checkpointer.restore(state_at(0), step=20)
    checkpointer.save(state_at(15), HISTORY)  # goes on from there
    checkpointer.save(state_at(16), HISTORY)
    assert checkpointer.steps() == [15, 16, 20]


def test_where_all_are_damaged_nothing_is_restored(checkpointer):
    checkpointer.save(state_at(10), HISTORY)
    damage(checkpointer, 10)
    with pytest.raises(BrokenFileError, match=r"10\.npz"):
        checkpointer.restore(state_at(0))


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_where_there_is_none_it_says_so(make, tmp_path):
    make(tmp_path / "run")
    checkpointer = fn.Checkpointer(tmp_path / "run")
    assert checkpointer.steps() == []
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint in .*run"):
        checkpointer.restore(state_at(0))
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint in .*run"):
        checkpointer.restore(state_at(0), step=3)
    checkpointer.save(state_at(10), HISTORY)
    with pytest.raises(FileNotFoundError, match=r"step must be that of a checkpoint in .*run, of \[10\], got 3"):
        checkpointer.restore(state_at(0), step=3)


@pytest.mark.parametrize(
    ("like", "path"),
    [
        (state_at(0, width=3), r"state\.params\.w must be float32\[3\], got float32\[2\]"),
        (state_at(0, optax.adam(0.1)), r"state\.opt_state\.0\.mu\.w must be float32\[2\], got nothing"),
        (
            state_at(0, optax.chain(optax.sgd(0.1, 0.9), optax.identity())),
            r"opt_state\.0\.trace\.w must be absent, got float32",
        ),
        (state_at(0)._replace(step=np.int64(0)), r"state\.step must be int64\[\], got int32\[\]"),
        (state_at(0)._replace(key=jax.random.key(0, impl="rbg")), r"state\.key must be key<rbg>\[\], got key<fry>\[\]"),
    ],
)
def test_the_state_of_another_model_or_optimizer_is_refused_by_path(like, path, checkpointer):
    checkpointer.save(state_at(10), HISTORY)
    with pytest.raises(ValueError, match=path) as error:
        checkpointer.restore(like)
    assert not isinstance(error.value, BrokenFileError)


def test_another_optimizer_of_the_same_arrays_is_refused(checkpointer):
    checkpointer.save(state_at(10, optax.adam(0.1)), HISTORY)
    with pytest.raises(ValueError, match=r"opt_state\.2 must be a container without arrays, got nothing"):
        checkpointer.restore(state_at(0, optax.adamw(0.1)))


def test_a_second_writer_is_told_of_the_first(checkpointer):
    checkpointer.save(state_at(1), HISTORY)
    second = fn.Checkpointer(checkpointer.directory)
    with pytest.raises(RuntimeError, match=f"another run, process {os.getpid()} on .*: give each run its own"):
        second.save(state_at(2), HISTORY)
    assert second.restore(state_at(0))[0].step == 1  # reading is free
    checkpointer.close()
    second.save(state_at(2), HISTORY)
    with pytest.raises(RuntimeError):
        checkpointer.save(state_at(3), HISTORY)
    second.close()
    checkpointer.save(state_at(3), HISTORY)
    assert checkpointer.steps() == [2, 3]


def test_a_writer_that_is_gone_holds_nothing(tmp_path):
    fn.Checkpointer(tmp_path).save(state_at(1), HISTORY)  # never closed
    checkpointer = fn.Checkpointer(tmp_path)
    checkpointer.save(state_at(2), HISTORY)
    checkpointer.close()


def test_where_there_are_no_locks_it_says_so(checkpointer, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def unsupported(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with pytest.warns(UserWarning, match="a second run that writes into .*run would go unseen.*not implemented"):
        checkpointer.save(state_at(1), HISTORY)


@pytest.mark.parametrize("place", ["file", "file/run"])
def test_a_directory_that_cannot_be_is_named(place, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=f"cannot write checkpoints into {tmp_path / place}: ") as error:
        fn.Checkpointer(tmp_path / place).save(state_at(1), HISTORY)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_may_not_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match=f"cannot write checkpoints into {tmp_path / 'run'}: Permission denied"):
        fn.Checkpointer(tmp_path / "run").save(state_at(1), HISTORY)


LIMITED = """
import resource, sys, numpy as np, jax, funcnn as fn
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
checkpointer = fn.Checkpointer(sys.argv[1])
state = fn.TrainState({"w": np.zeros(10)}, (), jax.random.key(0), np.int32(1))
checkpointer.save(state, {})
try:
    checkpointer.save(state._replace(params={"w": np.zeros(10_000)}, step=np.int32(2)), {})
except OSError as error:
    print(error)
print(checkpointer.steps(), len(list(checkpointer.directory.iterdir())))
"""


@pytest.mark.slow
def test_a_file_that_grows_too_large_leaves_the_old_one_and_no_other(tmp_path):
    run = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True)
    error, rest = run.stdout.splitlines()
    assert error.startswith(f"[Errno 27] cannot write {tmp_path}/step_0000000002.npz, 80,020 bytes where ")
    assert error.endswith("are free: File too large")
    assert rest == "[1] 2"  # with the lock


def test_what_a_killed_process_left_is_swept(tmp_path):
    left = tmp_path / ".step_0000000003.npz.0123abcd.tmp"
    left.write_text("half")
    checkpointer = fn.Checkpointer(tmp_path)
    checkpointer.save(state_at(5), HISTORY)
    assert files(checkpointer) == [".lock", "step_0000000005.npz"]
    checkpointer.close()


def test_saving_does_not_wait_where_it_need_not(checkpointer, monkeypatch):
    written = threading.Event()
    slowly = lambda *arguments: (written.wait(10), _files.write_file(*arguments))
    monkeypatch.setattr(_checkpointer, "write_file", slowly)
    checkpointer.save(state_at(1), HISTORY, wait=False)
    assert checkpointer.steps() == []
    written.set()
    checkpointer.wait()
    assert checkpointer.steps() == [1]


def test_an_error_behind_the_scenes_comes_out(checkpointer, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_checkpointer, "write_file", full)
    for after in (checkpointer.wait, checkpointer.close, lambda: checkpointer.save(state_at(2), HISTORY)):
        checkpointer.save(state_at(1), HISTORY, wait=False)
        with pytest.raises(OSError, match="No space left on device"):
            after()


@pytest.mark.parametrize(
    ("history", "extra", "message"),
    [
        ({"loss": [object()]}, {}, r"history\.loss\.0 must be a dict, list, number, string or array, got object"),
        ({}, {"watch": state_at(0)}, r"extra\.watch must be a dict, list, number, string or array, got TrainState"),
        ({}, {"a": {1: 2}}, r"extra\.a must be"),
        ({}, {"a.b": np.ones(1), "a": {"b": np.ones(1)}}, r"two arrays have the path extra\.a\.b"),
    ],
)
def test_what_cannot_be_kept_is_named(history, extra, message, checkpointer):
    with pytest.raises((TypeError, ValueError), match=message):
        checkpointer.save(state_at(1), history, extra)
    assert not checkpointer.directory.exists()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"every_seconds": -1}, ValueError, "every_seconds must be at least 0, got -1"),
        ({"every_seconds": float("nan")}, ValueError, "every_seconds"),
        ({"every_seconds": "1"}, TypeError, "every_seconds must be a number of seconds or None"),
        ({"every_steps": 0}, ValueError, "every_steps must be at least 1, got 0"),
        ({"every_steps": 1.5}, TypeError, "every_steps must be an int, got 1.5"),
        ({"keep": 0}, ValueError, "keep must be at least 1, got 0"),
    ],
)
def test_bad_settings_are_refused(options, error, message, tmp_path):
    with pytest.raises(error, match=message):
        fn.Checkpointer(tmp_path, **options)
