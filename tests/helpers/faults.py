"""Faults, drawn at random: a run is killed, a file is damaged; and whether training survives them."""

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import funcnn as fn
from tests.helpers.processes import ended, start, start_together
from tests.helpers.victim import INTERVAL

EXITS = {signal.SIGTERM: {143}, signal.SIGINT: {130, -signal.SIGINT}}  # a shell shows the last as 130
ROOT = Path(__file__).parents[2]
TOGETHER = "tests.training.trained_together"
RESUME = "start all of them again to go on from the last checkpoint"


def fresh_seed() -> int:
    """Another one each time, printed so that a failure can be drawn again."""
    seed = int.from_bytes(os.urandom(4))
    print("seed", seed)
    return seed


class Victim(NamedTuple):
    """A run in a process, and the lines that it printed, as ``(word, rest)``."""

    process: subprocess.Popen
    lines: list[tuple[str, str]]
    ended: threading.Event

    def last(self, word: str) -> str | None:
        """The rest of the last line that begins so."""
        return next((rest for first, rest in reversed(self.lines) if first == word), None)

    def wait_for(self, word: str, seconds: float = 120.0) -> None:
        """Wait until it has printed such a line."""
        limit = time.monotonic() + seconds
        while self.last(word) is None:
            if self.ended.is_set() or time.monotonic() > limit:
                raise RuntimeError(f"the run never said {word!r}, but {self.lines}")
            time.sleep(0.002)


@contextmanager
def victim(folder: Path, cache: Path, *options: str) -> Iterator[Victim]:
    """The run of `tests.helpers.victim`, whose compiled programs are kept in a cache."""
    environment = {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    command = [sys.executable, "-m", "tests.helpers.victim", str(folder), *options]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )  # fmt: skip
    lines: list[tuple[str, str]] = []
    ended = threading.Event()

    def read():
        for line in process.stdout:
            word, _, rest = line.strip().partition(" ")
            lines.append((word, rest))
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield Victim(process, lines, ended)
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


def killed(folder: Path, cache: Path, draw: random.Random, kills: int) -> tuple[int, list[str]]:
    """Kill a run so many times at random moments, and start it again each time.

    Returns:
      How many times it was killed, and what did not go as it must. It goes on from the last checkpoint that is whole. At
      most the interval under way and the one that is being written are lost.
    """
    done, wrong, at = 0, [], 0
    while done < kills:
        slow = ["--slow-writer"] if draw.random() < 0.5 else []
        with victim(folder, cache, "--pause", "0.02", *slow) as run:
            run.wait_for("begun")
            if int(run.last("begun") or -1) != at:
                wrong.append(f"it went on from step {run.last('begun')}, not from {at}")
            run.ended.wait(draw.uniform(0, 0.5))
            run.process.send_signal(signal.SIGKILL)
            run.process.wait()
            run.ended.wait()
            done += run.last("digest") is None
        steps = fn.Checkpointer(folder).steps()
        at = steps[-1] if steps else 0
        lost = int(run.last("step") or at) - at
        if lost >= 2 * INTERVAL + 1:
            wrong.append(f"{lost} steps were lost")
        if run.last("digest") is not None:  # the run was over before
            return done, wrong
    return done, wrong


def signalled(folder: Path, cache: Path, number: signal.Signals) -> tuple[float, list[str]]:
    """Send a signal to a run in the middle of a step.

    Returns:
      How many seconds the run took to end, and what did not go as it must: the step under way is saved, and the status says
      which signal it was.
    """
    wrong, step = [], 0.3
    with victim(folder, cache, "--pause", str(step)) as run:
        run.wait_for("step")
        run.process.send_signal(number)
        sent = time.monotonic()
        status = run.process.wait(timeout=60)
        took = time.monotonic() - sent
        run.ended.wait()
    if status not in EXITS[number]:
        wrong.append(f"it exited with {status} after {number.name}")
    if (saved := fn.Checkpointer(folder).steps()[-1]) != int(run.last("step") or -1):
        wrong.append(f"step {run.last('step')} was under way, and {saved} was saved")
    return took - step, wrong


def thousand_steps(devices: int, limit: float) -> str | None:
    """Take a thousand steps on so many devices of a CPU; what went wrong."""
    (run,) = ended([start(TOGETHER, "--epochs", "334", JAX_NUM_CPU_DEVICES=str(devices))], limit)
    return None if run.status == 0 else f"{devices} devices: it ended with {run.status}: {run.err}"


def one_died(count: int, which: int, step: int, folder: Path, limit: float) -> tuple[float, list[str]]:
    """Kill one of several processes after a step.

    Returns:
      How many seconds the others took to end, and what did not go as it must: their exit status is not 0, and they say how
      to resume.
    """
    event = "--event", "SIGKILL", "--process", str(which), "--step", str(step), "--checkpoint", str(folder)
    processes = ended(start_together(count, TOGETHER, "--epochs", "40", *event), limit)
    dead, others = processes[which], [process for i, process in enumerate(processes) if i != which]
    wrong = [f"one of {count} ended with {other.status}" for other in others if other.status in (0, -signal.SIGKILL)]
    wrong += ["it did not say how to resume" for other in others if RESUME not in other.err]
    if dead.status != -signal.SIGKILL or not (died := re.search(r"killed at ([\d.]+)", dead.out)):
        return 0.0, [*wrong, f"process {which} of {count} was not killed: {dead.status}, {dead.err}"]
    return max(other.time for other in others) - float(died[1]), wrong


def ended_digest(folder: Path, cache: Path) -> str | None:
    """What the run ends in, if it is left alone."""
    with victim(folder, cache) as run:
        run.ended.wait(120)
    return run.last("digest")


def damaged(path: Path, draw: random.Random) -> str:
    """Flip one bit of a file, or cut it off; what was done."""
    content = bytearray(path.read_bytes())
    place = draw.randrange(8 * len(content))
    if draw.random() < 0.05:
        path.write_bytes(content[: place // 8])
        return f"cut off after {place // 8} of {len(content)} bytes"
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)
    return f"bit {place} flipped"


def restored_despite(checkpointer: fn.Checkpointer, like: fn.TrainState, draw: random.Random) -> str | None:
    """Damage the newest of two checkpoints and restore; what went wrong, if it is not told or the one before not taken."""
    before, newest = checkpointer.steps()
    path = checkpointer.directory / f"step_{newest:010}.npz"
    whole = path.read_bytes()
    what = damaged(path, draw)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        state, _ = checkpointer.restore(like)
    path.write_bytes(whole)
    if not told:
        return f"{what}: nothing was said"
    return None if int(state.step) == before else f"{what}: step {int(state.step)} was restored"
