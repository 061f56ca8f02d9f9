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
from tests.helpers.checkpointed import ADAM, SGD, CutError, X, Y, cut_at, fit
from tests.helpers.digest import digest

DROPOUT = fn.serial(fn.linear(4), fn.dropout(0.3), fn.tanh, fn.linear(2))
BATCH_NORM = fn.serial(fn.linear(4), fn.batch_norm(), fn.tanh, fn.linear(2))


@pytest.fixture(scope="module", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):  # optax promotes step counts to floats
        yield


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_nothing_is_warned_of_a_run_that_goes_on(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(epochs=1, checkpoint=str(tmp_path))
        fit(epochs=2, checkpoint=str(tmp_path))
    assert re.fullmatch(r"step_\d{10}\.npz", sorted(os.listdir(tmp_path))[-1])
    assert jnp.isfinite(fn.Checkpointer(tmp_path).restore(fit()[0])[1]["loss"]).all()
