"""P11. Checkpoints of 1 GiB: how long training waits for one to be saved, and how fast it is restored.

A state is saved while training goes on, from arrays that no later step takes over. So `fit` waits only until saving has
begun. Restoring takes turns with one pass that reads the same file and hashes it.
"""

import hashlib
import tempfile
from pathlib import Path

import jax
import numpy as np
import optax

import funcnn as fn
from benchmarks._measure import at_least, at_most, in_turn, ratio, run_script, seconds, spread, table, title

ROWS, ARRAYS = 2**16, 8  # of 512 float32: 128 MiB each
CHUNK = 2**22
RESTORE, PASS = "restore", "one pass that reads and hashes"


class Timed(fn.Checkpointer):
    """A Checkpointer that says how long each save kept who called it."""

    def __init__(self, folder):
        super().__init__(folder, every_seconds=0)
        self.waits = []

    def save(self, *arguments, **options):
        """Save, and note the time."""
        self.waits.append(seconds(lambda: super(Timed, self).save(*arguments, **options)))


def train(folder):
    """The seconds that a fit with 1 GiB of parameters waited for its saves, all but the last: after that it is to end."""
    tables = fn.branches(*[fn.embedding(ROWS, 512)] * ARRAYS)
    mean = lambda outputs, y: fn.losses.squared_error(sum(a.mean(-1) for a in outputs), y)
    ids = tuple(np.arange(64, dtype=np.int32) for _ in range(ARRAYS))
    timed = Timed(folder)
    data, key = (ids, np.zeros(64, np.float32)), jax.random.key(0)
    state, _ = fn.fit(
        tables, mean, optax.sgd(0.1), data, steps=40, batch_size=32, key=key, checkpoint=timed, progress=False
    )
    return timed.waits[:-1], state


def one_pass(path):
    """Read the file and hash it."""
    digest, room = hashlib.sha256(), np.empty(CHUNK, np.uint8)
    with open(path, "rb", buffering=0) as file:
        while size := file.readinto(room):
            digest.update(room[:size])


def main():
    title(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        waits, state = train(folder)
        checkpointer = fn.Checkpointer(folder)
        path = Path(folder) / f"step_{checkpointer.steps()[-1]:010}.npz"
        restore = lambda: jax.block_until_ready(checkpointer.restore(state)[0])
        samples = in_turn({RESTORE: lambda: seconds(restore), PASS: lambda: seconds(one_pass, path)}, 5)
        size = path.stat().st_size / 2**30
    rows = [
        (f"longest of {len(waits)} waits in fit", f"{1e3 * max(waits):.0f} ms", *at_most(100, 1e3 * max(waits), " ms")),
        (RESTORE, f"{spread(samples[RESTORE])} s", *at_least(0.7, ratio(samples, PASS, RESTORE))),
        (PASS, f"{spread(samples[PASS])} s", "", "", ""),
    ]
    table((f"{size:.2f} GiB", "", "bar", "measured", ""), rows)


if __name__ == "__main__":
    run_script(main)
