"""Several processes as one: what the environment, which a launcher gives them, says of each."""

import os
import sys
from collections.abc import Mapping
from typing import NamedTuple

import jax


class Processes(NamedTuple):
    """Where the coordinator is, how many processes there are, and which this one is; None is for JAX to find out."""

    coordinator: str | None
    processes: int | None
    process: int | None
    device: int | None = None  # of its machine, the one that is this process's own


_NAMED = (  # what whoever starts the processes sets: the coordinator's address, their number, this one's index
    ("COORDINATOR_ADDRESS", "NUM_PROCESSES", "PROCESS_ID"),
    ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"),
    ("MASTER_ADDR", "WORLD_SIZE", "RANK"),  # with MASTER_PORT: torchrun
)
_FOUND_BY_JAX = "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "TPU_WORKER_ID", "JOB_COMPLETION_INDEX"  # the last: Kubernetes


def distributed(
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    *,
    heartbeat_seconds: int = 30,
    shutdown_seconds: int = 60,
    start_seconds: int = 120,
) -> None:
    """Make this process one of several that train together; call it first, before JAX computes anything.

    Where the arguments are None the environment has them:

    - ``COORDINATOR_ADDRESS``, ``NUM_PROCESSES`` and ``PROCESS_ID``, with or without ``JAX_`` before them;
    - torchrun's ``MASTER_ADDR``, ``MASTER_PORT``, ``WORLD_SIZE`` and ``RANK``;
    - what Slurm, Open MPI 4, Cloud TPU and Kubernetes set.

    Without any of these the process is alone, and nothing is done. So the same script runs on one machine and on many. A
    second call does nothing.

    When a signal or an exception ends `fit` in one process, it ends in all after the same step, and the state is saved.

    When a process dies, the others end too, with an exit status other than 0: as soon as a message to it fails, at the
    latest after the heartbeat's seconds. All of them started again go on from the last checkpoint, also if there are more
    or fewer of them.

    Args:
      coordinator: ``host:port`` of process 0, where the port is free.
      processes: how many there are.
      process: which of them this is, from 0.
      heartbeat_seconds: after how long without a sign of life a process counts as dead. JAX's own default is 100.
      shutdown_seconds: how long a process that has finished waits for the others. JAX's own default is 300.
      start_seconds: how long a process waits for the others to start.

    Raises:
      ValueError: arguments or environment are incomplete, or not as described.
      RuntimeError: JAX has computed already. Where the others do not start in time, JAX ends the process.

    Example:
      >>> distributed()  # alone, as nothing is said of other processes
      >>> jax.process_count()
      1
    """
    for name, seconds in {"heartbeat": heartbeat_seconds, "shutdown": shutdown_seconds, "start": start_seconds}.items():
        if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 1:
            raise ValueError(f"distributed: {name}_seconds must be an int, at least 1, got {seconds!r}")
    if jax.distributed.is_initialized():
        return
    given = Processes(coordinator, processes, process)
    found = _checked(given) if any(a is not None for a in given) else from_environment(os.environ)
    if found is None or found.processes == 1:
        return
    _tell(found, start_seconds, heartbeat_seconds)
    try:
        jax.distributed.initialize(
            found.coordinator,
            found.processes,
            found.process,
            local_device_ids=found.device,
            initialization_timeout=start_seconds,
            heartbeat_timeout_seconds=heartbeat_seconds,
            shutdown_timeout_seconds=shutdown_seconds,
        )
    except RuntimeError as error:
        if "before any JAX" not in str(error):
            raise
        raise RuntimeError("distributed must be called before JAX computes anything: first in the program") from error


def _tell(found, start_seconds, heartbeat_seconds):
    """Say it before: JAX ends a process that meets no other, or loses one, without an exception."""
    coordinator, count, index, _ = found
    who = "a process of several" if count is None else f"process {index} of {count}"
    where = "" if coordinator is None else f" at {coordinator}"
    print(
        f"funcnn: {who} is to meet the others{where} within {start_seconds} s. When one of them dies, the others end "
        f"within {heartbeat_seconds} s; start all of them again to go on from the last checkpoint.",
        file=sys.stderr,
        flush=True,
    )


def from_environment(environment: Mapping[str, str]) -> Processes | None:
    """What an environment says of the processes; None if it says nothing.

    Raises:
      ValueError: it says a part only, or what is not a number.
    """
    for names in _NAMED:
        present = [name for name in names if name in environment]
        if len(present) == len(names):
            return _read(environment, *names)
        if present and present != [names[0]]:  # an address alone may be meant for something else
            missing = ", ".join(name for name in names if name not in environment)
            raise ValueError(f"distributed: the environment has {', '.join(present)} but not {missing}")
    return Processes(None, None, None) if any(name in environment for name in _FOUND_BY_JAX) else None


def _read(environment, address, count, index):
    coordinator = environment[address]
    if address == "MASTER_ADDR":
        beside = "TORCHELASTIC_RUN_ID" in environment  # torchrun listens at the port itself
        coordinator += f":{_number(environment, 'MASTER_PORT') + beside}"
    device = _number(environment, "LOCAL_RANK") if address == "MASTER_ADDR" and "LOCAL_RANK" in environment else None
    return _checked(Processes(coordinator, _number(environment, count), _number(environment, index), device))


def _number(environment, name):
    text = environment.get(name, "")
    if not text.isdecimal():
        raise ValueError(f"distributed: {name} must be a whole number in the environment, got {text!r}")
    return int(text)


def _checked(found: Processes) -> Processes:
    """The same, if it is complete and consistent."""
    coordinator, count, index, _ = found
    if not isinstance(coordinator, str) or not coordinator.rpartition(":")[0]:
        raise ValueError(f"distributed: coordinator must be 'host:port', got {coordinator!r}")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(f"distributed: processes must be an int, at least 1, got {count!r}")
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
        raise ValueError(f"distributed: process must be an int from 0 to {count - 1}, got {index!r}")
    return found
