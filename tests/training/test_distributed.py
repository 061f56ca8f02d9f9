"""Several processes: what the environment says of them."""

import pytest

import funcnn as fn
from funcnn.training._distributed import Processes, from_environment

TORCHRUN = {"MASTER_ADDR": "node1", "MASTER_PORT": "1234", "WORLD_SIZE": "4", "RANK": "3"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HOME": "/"}, None),
        ({"MASTER_ADDR": "node1"}, None),
        ({"COORDINATOR_ADDRESS": "a:1", "NUM_PROCESSES": "2", "PROCESS_ID": "1"}, Processes("a:1", 2, 1)),
        ({"JAX_COORDINATOR_ADDRESS": "a:1", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "0"}, Processes("a:1", 2, 0)),
        (TORCHRUN, Processes("node1:1234", 4, 3)),
        (TORCHRUN | {"LOCAL_RANK": "1", "TORCHELASTIC_RUN_ID": "none"}, Processes("node1:1235", 4, 3, 1)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "2"}, Processes(None, None, None)),
        ({"SLURM_NTASKS": "2"}, None),  # inside of an allocation, but not started by srun
        ({"OMPI_COMM_WORLD_RANK": "0"}, Processes(None, None, None)),
    ],
)
def test_what_a_launcher_says(environment, expected):
    assert from_environment(environment) == expected


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"COORDINATOR_ADDRESS": "a:1", "NUM_PROCESSES": "2"},
            "has COORDINATOR_ADDRESS, NUM_PROCESSES but not PROCESS_ID",
        ),
        ({"RANK": "0", "WORLD_SIZE": "2"}, "has WORLD_SIZE, RANK but not MASTER_ADDR"),
        (TORCHRUN | {"RANK": "first"}, "RANK must be a whole number in the environment, got 'first'"),
        ({**TORCHRUN, "MASTER_PORT": ""}, "MASTER_PORT must be a whole number in the environment, got ''"),
        (TORCHRUN | {"RANK": "4"}, "process must be an int from 0 to 3, got 4"),
        (TORCHRUN | {"WORLD_SIZE": "0"}, "processes must be an int, at least 1, got 0"),
        (
            {"COORDINATOR_ADDRESS": "a", "NUM_PROCESSES": "2", "PROCESS_ID": "1"},
            "coordinator must be 'host:port', got 'a'",
        ),
    ],
)
def test_what_is_incomplete_or_wrong_is_named(environment, message):
    with pytest.raises(ValueError, match=message):
        from_environment(environment)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coordinator": "a:1"}, "processes must be an int, at least 1, got None"),
        ({"processes": 2, "process": 0}, "coordinator must be 'host:port', got None"),
        ({"coordinator": "a:1", "processes": 2, "process": True}, "process must be an int from 0 to 1, got True"),
        ({"heartbeat_seconds": 0.5}, r"heartbeat_seconds must be an int, at least 1, got 0\.5"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        fn.distributed(**arguments)


def test_too_late(monkeypatch):
    for name, value in {"COORDINATOR_ADDRESS": "localhost:1", "NUM_PROCESSES": "2", "PROCESS_ID": "1"}.items():
        monkeypatch.setenv(name, value)
    fn.initializers.zeros(None, (1,))
    with pytest.raises(RuntimeError, match="distributed must be called before JAX computes anything"):
        fn.distributed()
