"""Devices and processes together: the loss of one, each example once an epoch, and nobody waits for ever."""

import json
import signal
from functools import cache

import numpy as np
import pytest

import funcnn as fn
from tests.helpers.faults import EXITS, TOGETHER, one_died, thousand_steps
from tests.helpers.judge import assert_close
from tests.helpers.processes import HEARTBEAT, ended, start, start_together

pytestmark = pytest.mark.slow

LIMIT = 240  # seconds, on a machine that does much else


def told(process):
    assert process.status == 0, process.err
    return json.loads(process.out.splitlines()[-1])


@cache
def alone(*options):
    return told(*ended([start(TOGETHER, *options)], LIMIT))


def together(count, *options):
    return ended(start_together(count, TOGETHER, *options), LIMIT)


@pytest.mark.parametrize("options", [(), ("--data", "stream"), ("--model", "mlp")], ids=["arrays", "stream", "mlp"])
@pytest.mark.parametrize("count", [2, 4])
def test_processes_train_as_one_does(count, options):
    """T13: each example comes exactly once an epoch, on any number of processes."""
    results = [told(process) for process in together(count, *options)]
    assert all(result == results[0] for result in results)
    for name in ("loss", "weights"):
        assert_close(np.array(results[0][name]), np.array(alone(*options)[name]), 1e-10)
    whole = 16 if "stream" in options else 22
    assert results[0]["seen"] == [[1.0] * whole + [0.0] * (22 - whole)] * 3


def test_another_number_of_processes_goes_on(tmp_path):
    """T13: two of three epochs on two processes, the third on one."""
    kept = "--checkpoint", str(tmp_path)
    for process in together(2, *kept, "--epochs", "2"):
        assert told(process)["steps"] == 6
    (resumed,) = ended([start(TOGETHER, *kept)], LIMIT)
    assert_close(np.array(told(resumed)["weights"]), np.array(alone()["weights"]), 1e-10)
    assert told(resumed)["seen"] == alone()["seen"]


@pytest.mark.parametrize("count", [2, 4])
def test_two_runs_are_the_same_bit_by_bit(count):
    (first, *_), (second, *_) = together(count), together(count)
    assert told(first)["digest"] == told(second)["digest"]


@pytest.mark.parametrize(("number", "count"), [(signal.SIGTERM, 2), (signal.SIGINT, 2), (signal.SIGTERM, 4)])
def test_a_signal_to_one_process_ends_all_after_the_same_step(number, count, tmp_path):
    """T7: the state is saved, and the same processes started again end in the bits of those that got no signal."""
    kept = "--checkpoint", str(tmp_path), "--epochs", "9"
    processes = together(count, *kept, "--event", number.name)
    for process in processes:
        assert process.status in EXITS[number], process.err
    *others, signalled = processes
    assert f"{number.name}: ends after this step, saved" in signalled.err
    for process in others:
        assert f"{number.name} came to process {count - 1}: all end after this step, saved" in process.err
    assert fn.Checkpointer(tmp_path).steps()[-1] == 21
    resumed, never_cut = together(count, *kept), together(count, "--epochs", "9")
    assert told(resumed[0])["digest"] == told(never_cut[0])["digest"]


@pytest.mark.parametrize(
    ("event", "data", "message"),
    [
        ("disk", "arrays", "OSError: no space left"),
        ("data", "stream", "OSError: the disk is gone"),
        ("fewer", "stream", "ValueError: batches must have as many examples in every process"),
    ],
)
def test_an_error_in_one_process_ends_all_with_the_state_saved(event, data, message, tmp_path):
    processes = together(2, "--checkpoint", str(tmp_path), "--epochs", "9", "--event", event, "--data", data)
    told = [process.err for process in processes]
    assert [process.status for process in processes] == [1, 1], told
    assert any(message in err for err in told), told
    if event != "fewer":
        assert any("training ends in all processes because of an error in process" in err for err in told)
    seen = {"disk": range(18, 21), "data": [2], "fewer": [2]}[
        event
    ]  # by all: moments come by time within an epoch, too
    assert fn.Checkpointer(tmp_path).steps()[-1] in seen


@pytest.mark.parametrize("count", [2, 4])
def test_when_one_process_dies_the_others_end(count, tmp_path):
    """T12: with an exit status that is not 0, in time, having said how to resume."""
    took, wrong = one_died(count, count - 1, 20, tmp_path, LIMIT)
    assert not wrong
    assert took <= HEARTBEAT + 5


@pytest.mark.parametrize("devices", [1, 2, 4, 8])
def test_a_thousand_steps_do_not_hang(devices):
    """T11: a minute is enough on two cores that do nothing else, of which compiling takes a part."""
    assert thousand_steps(devices, LIMIT) is None
