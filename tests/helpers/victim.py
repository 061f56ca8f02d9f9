"""A run in a process of its own, to be killed: ``python -m tests.helpers.victim FOLDER``. It prints what it does."""

import argparse
import signal
import time

import jax
import numpy as np
import optax

import funcnn as fn
from funcnn.training.checkpoints import _format
from tests.helpers.digest import digest

INTERVAL, EPOCHS, BATCHES = 2, 10, 4
MODEL = fn.serial(fn.linear(8), fn.dropout(0.2), fn.tanh, fn.linear(2))
OPTIMIZER = optax.adamw(0.01)


def train(folder: str, pause: float = 0.0):
    """Forty steps, with a checkpoint every second one; after each it says so and pauses, so that it can be killed there."""
    rng = np.random.default_rng(0)
    data = tuple(rng.normal(size=(14, size)).astype(np.float32) for size in (3, 2))

    def tell(moment):
        print("step" if moment.spent else "begun", int(moment.state.step), flush=True)
        time.sleep(pause)

    options = {"epochs": EPOCHS, "batch_size": 4, "key": jax.random.key(0), "watch": [tell], "progress": False}
    saved = fn.Checkpointer(folder, every_seconds=None, every_steps=INTERVAL)
    return fn.fit(MODEL, fn.losses.squared_error, OPTIMIZER, data, checkpoint=saved, **options)


def write_slowly():
    """Have each array take its time, so that most of a run's time passes while it writes."""
    append = _format._append

    def slowly(*arguments):
        time.sleep(0.004)
        return append(*arguments)

    _format._append = slowly


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has its jobs in the background ignore
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--slow-writer", action="store_true")
    options = parser.parse_args()
    if options.slow_writer:
        write_slowly()
    print("digest", digest(*train(options.folder, options.pause)), flush=True)


if __name__ == "__main__":
    main()
