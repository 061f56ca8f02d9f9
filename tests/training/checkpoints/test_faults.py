"""A few of the faults that `make faults` draws by the hundred, at places that are new each time."""

import random
import signal
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from tests.helpers.faults import EXITS, ended_digest, fresh_seed, killed, restored_despite, signalled, victim


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def whole(cache, tmp_path_factory):
    """What the run ends in if nothing happens."""
    return ended_digest(tmp_path_factory.mktemp("whole"), cache)


@pytest.mark.slow
def test_a_run_that_is_killed_ends_in_the_same_bits(whole, cache, tmp_path):
    tried, wrong = killed(tmp_path, cache, random.Random(fresh_seed()), kills=3)
    assert not wrong
    assert tried
    assert ended_digest(tmp_path, cache) == whole


@pytest.mark.slow
@pytest.mark.parametrize("number", EXITS)
def test_a_signal_ends_the_step_saves_and_exits(number, whole, cache, tmp_path):
    _, wrong = signalled(tmp_path, cache, number)
    assert not wrong
    assert ended_digest(tmp_path, cache) == whole


@pytest.mark.slow
def test_a_second_interrupt_ends_at_once(whole, cache, tmp_path):
    with victim(tmp_path, cache, "--pause", "20") as run:
        run.wait_for("begun")
        time.sleep(0.2)
        run.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert run.process.poll() is None  # the watcher still sleeps
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(timeout=2) == -signal.SIGINT
    assert ended_digest(tmp_path, cache) == whole


def test_damage_is_told_and_the_one_before_is_used(tmp_path):
    draw = random.Random(fresh_seed())
    checkpointer = fn.Checkpointer(tmp_path)
    state = fn.TrainState({"w": jnp.arange(5.0)}, (), jax.random.key(0), np.int32(0))
    for step in (1, 2):
        checkpointer.save(state._replace(step=np.int32(step)), {"loss": np.arange(step)})
    checkpointer.close()
    assert not [wrong for _ in range(30) if (wrong := restored_despite(checkpointer, state, draw))]
