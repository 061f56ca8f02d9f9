"""A run that was cut goes on to the bits of one that was not, and the errors of other engines do not happen here."""

import os
import re
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from tests.helpers.digest import digest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype(np.float32)
Y = RNG.normal(size=(10, 2)).astype(np.float32)
LOSS = fn.losses.squared_error
PLAIN = fn.serial(fn.linear(4), fn.tanh, fn.linear(2))
DROPOUT = fn.serial(fn.linear(4), fn.dropout(0.3), fn.tanh, fn.linear(2))
BATCH_NORM = fn.serial(fn.linear(4), fn.batch_norm(), fn.tanh, fn.linear(2))
SGD, ADAM = optax.sgd(0.1, momentum=0.9), optax.adamw(0.01)
EPOCHS, BATCHES = 3, 3  # of 4, 4 and 2 examples


@pytest.fixture(scope="module", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):  # optax promotes step counts to floats
        yield


def fit(model=PLAIN, optimizer=ADAM, data=(X, Y), **options):
    given = {"epochs": EPOCHS, "batch_size": 4, "key": jax.random.key(0), "progress": False}
    return fn.fit(model, LOSS, optimizer, data, **(given | options))


class CutError(Exception):
    """What ends a run in these tests."""


def cut_at(step):
    """A watcher that raises when so many steps have been taken."""

    def watch(moment):
        if int(moment.state.step) == step:
            raise CutError

    return watch


def stopping_after(steps):
    """A watcher that ends training after so many steps of a call."""
    begun = None

    def watch(moment):
        nonlocal begun
        begun = int(moment.state.step) if begun is None else begun
        return int(moment.state.step) >= begun + steps

    return watch


def cut_and_resumed(folder, steps, **options):
    """What a run returns that was cut before that step, and that the same call took up again."""
    with pytest.raises(CutError):
        fit(checkpoint=fn.Checkpointer(folder, every_steps=1), watch=[cut_at(steps + 1)], **options)
    assert fn.Checkpointer(folder).steps()[-1] == steps
    return fit(checkpoint=folder, **options)


CASES = {
    "sgd": {"optimizer": SGD},
    "dropout": {"model": DROPOUT},
    "batch norm": {"model": BATCH_NORM, "validation": (X, Y), "validate_every": 2},
    "all examples": {"batch_size": 10},
    "steps": {
        "epochs": None,
        "steps": 8,
        "validate_every": 5,
        "metrics": {"error": lambda p, y: (abs(p - y).sum(), y.size)},
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_run_that_is_cut_at_every_step_ends_in_the_same_bits(case, tmp_path):
    expected = fit(**CASES[case])
    for _ in range(int(expected[0].step)):
        checkpointer = fn.Checkpointer(tmp_path, every_steps=1)
        resumed = fit(**CASES[case], checkpoint=checkpointer, watch=[stopping_after(1)])
    assert digest(*resumed) == digest(*expected)


@pytest.mark.slow
def test_on_four_devices_too(tmp_path):
    mesh = jax.make_mesh((2, 2), ("data", "model"), devices=jax.devices()[:4])
    rows = jax.NamedSharding(mesh, jax.P("data"))
    data = jax.device_put(X, rows), jax.device_put(Y, rows)
    expected = digest(*fit(data=data))
    state, history = cut_and_resumed(tmp_path, 4, data=data)
    assert digest(state, history) == expected
    assert state.params[0]["w"].sharding.mesh.shape == mesh.shape


@pytest.mark.slow
def test_what_is_divided_over_four_devices_too(tmp_path):
    mesh = jax.make_mesh((4,), ("data",), devices=jax.devices()[:4], axis_types=(jax.sharding.AxisType.Auto,))
    options = CASES["batch norm"] | {"mesh": mesh, "sharding": fn.fsdp(min_size=0)}
    expected = digest(*fit(**options))
    assert digest(*fit(**options)) == expected
    assert digest(*cut_and_resumed(tmp_path, 4, **options)) == expected


@pytest.fixture(scope="module")
def whole():
    return digest(*fit())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps"),
    [
        pytest.param(0, id="a run that was cut before its first step"),
        pytest.param(3, id="resuming exactly at an epoch's end skips the next epoch"),
        pytest.param(4, id="resuming mid-epoch shuffles as epoch 0"),
        pytest.param(5, id="the last short batch is lost"),
        pytest.param(6, id="the second epoch comes again"),
    ],
)
def test_what_went_wrong_elsewhere(steps, whole, tmp_path):
    state, history = cut_and_resumed(tmp_path, steps)
    assert (int(state.step), *map(int, state.position)) == (9, 3, 0)
    assert history["step"].tolist() == [3, 6, 9]
    assert digest(state, history) == whole


@pytest.fixture(scope="module")
def restored(tmp_path_factory):
    """The state in a checkpoint after three steps."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.raises(CutError) as cut:
        fit(checkpoint=fn.Checkpointer(folder, every_steps=2), watch=[cut_at(4)])
    return fn.Checkpointer(folder).restore(cut.value.state)[0]


WITHIN = {
    "optimizer moments zero after resume": lambda adam, step: all(map(np.any, jax.tree.leaves((adam.mu, adam.nu)))),
    "step and optimizer count off by one": lambda adam, step: int(adam.count) == int(step) == 3,
}


@pytest.mark.parametrize("wrong", WITHIN)
def test_the_optimizers_state_is_that_which_was_saved(wrong, restored):
    assert WITHIN[wrong](restored.opt_state[0], restored.step)


REMEMBERING = {
    "EMA weights saved as the raw ones, EMA decay reset": lambda: fn.ema(SGD, 0.9),
    "accumulated gradients lost": lambda: optax.MultiSteps(SGD, 2),
    "the guard's mean loss forgotten": lambda: fn.spike_guard(ADAM),
    "the schedule begun anew": lambda: optax.inject_hyperparams(optax.sgd)(optax.linear_schedule(0.1, 0.0, 9)),
}


@pytest.mark.slow
@pytest.mark.parametrize("wrong", REMEMBERING)
def test_what_an_optimizer_remembers_goes_on(wrong, tmp_path):
    optimizer = REMEMBERING[wrong]()
    expected = fit(optimizer=optimizer)
    assert digest(*cut_and_resumed(tmp_path, 5, optimizer=optimizer)) == digest(*expected)


@pytest.mark.slow
def test_more_epochs_go_on(tmp_path):
    expected = digest(*fit(epochs=4))
    fit(epochs=2, checkpoint=tmp_path)
    assert digest(*fit(epochs=4, checkpoint=tmp_path)) == expected


@pytest.mark.slow
def test_more_steps_complete_a_row_that_was_cut_short(tmp_path):
    expected = digest(*fit(epochs=None, steps=7))
    _, short = fit(epochs=None, steps=4, checkpoint=tmp_path)
    assert short["step"].tolist() == [3, 4]
    state, history = fit(epochs=None, steps=7, checkpoint=tmp_path)
    assert history["step"].tolist() == [3, 6, 7]
    assert digest(state, history) == expected


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"model": BATCH_NORM, "validation": (X, Y)}], ids=["plain", "batch norm"])
def test_a_finished_run_is_returned_and_says_so(options, tmp_path):
    expected = fit(checkpoint=tmp_path, **options)
    with pytest.warns(UserWarning, match=r"was finished, at epoch 3 and step 9, and is returned as it is"):
        again = fit(checkpoint=tmp_path, **options)
    assert digest(*again) == digest(*expected)
    assert again[1]["seconds"].tolist() == expected[1]["seconds"].tolist()


@pytest.mark.slow
def test_the_clock_goes_on(tmp_path):
    fit(epochs=1, checkpoint=tmp_path)
    _, history = fit(epochs=3, checkpoint=tmp_path)
    assert (np.diff(history["seconds"]) > 0).all()


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


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    folder = tmp_path_factory.mktemp("begun")
    fit(epochs=1, checkpoint=folder)
    return folder


@pytest.mark.slow
def test_the_checkpoint_before_a_damaged_one_goes_on_to_the_same_bits(whole, tmp_path):
    fit(epochs=2, checkpoint=fn.Checkpointer(tmp_path, every_steps=2))
    assert fn.Checkpointer(tmp_path).steps() == [4, 6]
    os.truncate(tmp_path / "step_0000000006.npz", 1000)
    with pytest.warns(
        UserWarning, match=r"step_0000000006.npz is not as funcnn wrote it.*The checkpoint before it is used"
    ):
        state, history = fit(checkpoint=tmp_path)
    assert digest(state, history) == whole


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


class Counting:
    """A watcher with a memory."""

    def __init__(self):
        self.rows = 0

    def __call__(self, moment):
        self.rows += len(moment.values["loss"])

    def state(self):
        return {"rows": self.rows}

    def restore(self, saved):
        self.rows = saved["rows"]


def test_watchers_remember_what_they_saw(tmp_path):
    fit(epochs=2, checkpoint=tmp_path, watch=[Counting()])
    first, second = Counting(), Counting()
    fit(epochs=3, checkpoint=tmp_path, watch=[lambda moment: None, first, second])
    assert (first.rows, second.rows) == (3, 1)  # the second one is new


def test_nothing_is_warned_of_a_run_that_goes_on(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(epochs=1, checkpoint=str(tmp_path))
        fit(epochs=2, checkpoint=str(tmp_path))
    assert re.fullmatch(r"step_\d{10}\.npz", sorted(os.listdir(tmp_path))[-1])
    assert jnp.isfinite(fn.Checkpointer(tmp_path).restore(fit()[0])[1]["loss"]).all()
