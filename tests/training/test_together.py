"""Devices and processes together: the loss of one, each example once an epoch, and nobody waits for ever."""

import json
import re
from functools import cache

import numpy as np
import pytest

from tests.helpers.judge import assert_close
from tests.helpers.processes import ended, start, start_together
from tests.training.trained_together import HEARTBEAT

pytestmark = pytest.mark.slow

PROGRAM = "tests.training.trained_together"
LIMIT = 240  # seconds, on a machine that does much else


def told(process):
    assert process.status == 0, process.err
    return json.loads(process.out.splitlines()[-1])


@cache
def alone(kind):
    return told(*ended([start(PROGRAM, kind)], LIMIT))


@pytest.mark.parametrize("kind", ["arrays", "stream"])
@pytest.mark.parametrize("count", [2, 4])
def test_processes_train_as_one_does(count, kind):
    """T13: each example comes exactly once an epoch, on any number of processes."""
    results = [told(process) for process in ended(start_together(count, PROGRAM, kind), LIMIT)]
    assert all(result == results[0] for result in results)
    for name in ("loss", "weights"):
        assert_close(np.array(results[0][name]), np.array(alone(kind)[name]), 1e-10)
    whole = 22 if kind == "arrays" else 16
    assert results[0]["seen"] == [[1.0] * whole + [0.0] * (22 - whole)] * 3


def test_another_number_of_processes_goes_on(tmp_path):
    """T13: two of three epochs on two processes, the third on one."""
    for process in ended(start_together(2, PROGRAM, "kept", str(tmp_path), "2"), LIMIT):
        assert told(process)["steps"] == 6
    (resumed,) = ended([start(PROGRAM, "kept", str(tmp_path), "3")], LIMIT)
    assert_close(np.array(told(resumed)["weights"]), np.array(alone("arrays")["weights"]), 1e-10)
    assert told(resumed)["seen"] == alone("arrays")["seen"]


def test_two_runs_are_the_same_bit_by_bit():
    first, second = (ended(start_together(2, PROGRAM, "arrays"), LIMIT)[0] for _ in range(2))
    assert told(first) == told(second)


def test_when_one_process_dies_the_others_end():
    """T12: with an exit status that is not 0, in time, having said how to resume."""
    other, dead = ended(start_together(2, PROGRAM, "die"), LIMIT)
    assert dead.status == -9
    died = float(re.search(r"killed at ([\d.]+)", dead.out)[1])
    assert other.status not in (0, -9), other.err
    assert other.time - died <= HEARTBEAT + 5
    assert "start all of them again to go on from the last checkpoint" in other.err
    assert "another task died" in other.err or "Gloo" in other.err


@pytest.mark.parametrize("devices", [1, 2, 4, 8])
def test_a_thousand_steps_do_not_hang(devices):
    """T11: a minute is enough on two cores that do nothing else, of which compiling takes a part."""
    (process,) = ended([start(PROGRAM, "steps", JAX_NUM_CPU_DEVICES=str(devices))], LIMIT)
    assert told(process)["steps"] == 1002
