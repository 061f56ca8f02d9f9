"""A program for the tests: a small net trained by one process of several, or alone.

python -m tests.training.trained_together [--data stream] [--model mlp] [--event SIGTERM] [--checkpoint FOLDER] …
"""

import argparse
import json
import os
import signal
import time
import warnings

import jax
import numpy as np
import optax
from jax.sharding import AxisType

import funcnn as fn
from tests.helpers.digest import digest
from tests.helpers.processes import HEARTBEAT

warnings.filterwarnings("ignore", ".*never calibrated")
jax.config.update("jax_enable_x64", True)
N, BATCH = 22, 8  # six examples are left over
BLOCK = fn.residual(fn.serial(fn.layer_norm(), fn.linear(12), fn.tanh, fn.linear(8)))
MODELS = {
    "conv": fn.serial(fn.conv(4, (3, 3)), fn.batch_norm(), fn.tanh, fn.flatten, fn.linear(2)),
    "mlp": fn.serial(fn.flatten, fn.linear(8), fn.repeat(BLOCK, 12), fn.linear(2)),
}


def run(options):
    fn.distributed(heartbeat_seconds=HEARTBEAT, shutdown_seconds=HEARTBEAT)
    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
    loss = lambda prediction, y, number: fn.losses.squared_error(prediction, y)
    seen = fn.metrics.Metric(counted, lambda counts: counts)
    data, batch_size = (stream(options.event), None) if options.data == "stream" else (arrays(), BATCH)
    state, history = fn.fit(
        MODELS[options.model], loss, optax.sgd(0.01, momentum=0.9), data,
        epochs=options.epochs, batch_size=batch_size, key=jax.random.key(0), metrics={"seen": seen}, progress=False,
        mesh=mesh, sharding=fn.fsdp(min_size=0), watch=[struck(options)], checkpoint=options.checkpoint,
    )  # fmt: skip
    whole = fn.place(state, mesh)
    own = jax.tree.map(lambda a: a.addressable_data(0), whole)
    weights = [np.asarray(a).ravel() for a in jax.tree.leaves(own.params)]
    told = {name: history[name][:3].tolist() for name in ("loss", "seen")} | {"steps": int(state.step)}
    print(json.dumps(told | {"weights": np.concatenate(weights).tolist(), "digest": digest(own, history)}))


def arrays():
    rng = np.random.default_rng(0)
    images, y = rng.normal(size=(N, 4, 4, 1)), rng.normal(size=(N, 2))
    return images, y, np.arange(N, dtype=float)[:, None]


def stream(event):
    """Each process's own part of batches; the last process may fail, or have fewer examples, in the second epoch."""
    share = BATCH // jax.process_count()
    first = share * jax.process_index()

    def batches(epoch):
        for i in range(0, N - N % BATCH, BATCH):
            if event == "data" and epoch and is_last():
                raise OSError("the disk is gone")
            fewer = event == "fewer" and epoch and is_last()
            yield tuple(a[i + first : i + first + share - bool(fewer)] for a in arrays())

    return batches


def counted(prediction, y, number):
    """How often each example came: what a batch adds to the counts."""
    del prediction, y
    return np.float64(0) + jax.nn.one_hot(number[:, 0].astype(int), N, dtype=float).sum(axis=0)


def struck(options):
    """A watcher to whose process an event comes in the middle of training: a full disk to the first, others as is said."""
    who = 0 if options.event == "disk" else options.process % jax.process_count()

    def watch(moment):
        if not moment.rows or int(moment.state.step) <= options.step or jax.process_index() != who:
            return
        if options.event == "disk":
            raise OSError("no space left")
        if options.event == "SIGKILL":
            print("killed at", time.time(), flush=True)
        if options.event.startswith("SIG"):
            os.kill(os.getpid(), signal.Signals[options.event])

    return watch


def is_last():
    return jax.process_index() == jax.process_count() - 1


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has its jobs in the background ignore
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="arrays", choices=["arrays", "stream"])
    parser.add_argument("--model", default="conv", choices=MODELS)
    parser.add_argument("--event", default="", help="what happens: a signal's name, data, fewer, disk")
    parser.add_argument("--step", type=int, default=20, help="after which it happens")
    parser.add_argument("--process", type=int, default=-1, help="to which it happens, by default the last")
    parser.add_argument("--checkpoint")
    parser.add_argument("--epochs", type=int, default=3)
    run(parser.parse_args())
