"""Programs that run in processes of their own, with a limit on their time."""

import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
HEARTBEAT = 5  # seconds after which a process that gives no sign of life counts as dead


class Ended(NamedTuple):
    """How a process ended: its exit status, what it wrote, and when."""

    status: int
    out: str
    err: str
    time: float


def free_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.socket() as s:
        s.bind(("localhost", 0))
        return s.getsockname()[1]


def start(module: str, *args: str, **environment: str) -> subprocess.Popen:
    """A process that runs a module of the tests."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")} | environment
    command = [sys.executable, "-m", module, *args]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=variables, cwd=ROOT, text=True, **pipes)


def start_together(count: int, module: str, *args: str) -> list[subprocess.Popen]:
    """So many processes, each told by its environment that it is one of them."""
    address = f"localhost:{free_port()}"
    return [
        start(module, *args, COORDINATOR_ADDRESS=address, NUM_PROCESSES=str(count), PROCESS_ID=str(i))
        for i in range(count)
    ]


def ended(processes: list[subprocess.Popen], limit: float) -> list[Ended]:
    """How the processes end; those that have not ended after so many seconds are killed, and have the status -9.

    All are read at once: a process whose full pipe nobody reads waits, and those that wait for it would wait for ever.
    """

    def end(process):
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        return Ended(process.returncode, out, err, time.time())

    with ThreadPoolExecutor(len(processes)) as readers:
        return list(readers.map(end, processes))
