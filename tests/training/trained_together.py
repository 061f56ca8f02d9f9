"""A program for the tests: a small convolutional net trained by one process of several, or alone.

python -m tests.training.trained_together arrays|stream|die|steps|kept [directory] [epochs]
"""

import json
import os
import signal
import sys
import time
import warnings

import jax

warnings.filterwarnings("ignore", ".*never calibrated")
jax.config.update("jax_enable_x64", True)

import numpy as np  # noqa: E402
import optax  # noqa: E402
from jax.sharding import AxisType  # noqa: E402

import funcnn as fn  # noqa: E402

HEARTBEAT = 5
N, BATCH = 22, 8  # six examples are left over


def counted(prediction, x):
    """How often each example came: what a batch adds to the counts."""
    del prediction
    return np.float64(0) + jax.nn.one_hot(x[:, 0].astype(int), N, dtype=float).sum(axis=0)


def run(kind, directory=None, epochs=3):
    fn.distributed(heartbeat_seconds=HEARTBEAT, shutdown_seconds=HEARTBEAT)
    rng = np.random.default_rng(0)
    images, y = rng.normal(size=(N, 4, 4, 1)), rng.normal(size=(N, 2))
    number = np.arange(N, dtype=float)[:, None]
    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
    model = fn.serial(fn.conv(4, (3, 3)), fn.batch_norm(), fn.tanh, fn.flatten, fn.linear(2))
    loss = lambda prediction, y, number: fn.losses.squared_error(prediction, y)
    seen = fn.metrics.Metric(lambda prediction, y, number: counted(prediction, number), lambda counts: counts)
    data, batch_size = (images, y, number), BATCH
    if kind == "stream":
        share = BATCH // jax.process_count()
        part = lambda i: slice(i + share * jax.process_index(), i + share * (jax.process_index() + 1))
        data = lambda: (tuple(a[part(i)] for a in (images, y, number)) for i in range(0, N - N % BATCH, BATCH))
        batch_size = None
    epochs = {"steps": 334, "die": 10_000}.get(kind, int(epochs))
    state, history = fn.fit(
        model, loss, optax.sgd(0.01, momentum=0.9), data,
        epochs=epochs, batch_size=batch_size, key=jax.random.key(0), metrics={"seen": seen}, progress=False,
        mesh=mesh, sharding=fn.fsdp(min_size=0), watch=[killed] if kind == "die" else [], checkpoint=directory,
    )  # fmt: skip
    whole = fn.place(state.params, mesh)
    weights = [np.asarray(a.addressable_data(0)).ravel() for a in jax.tree.leaves(whole)]
    told = {name: history[name][:3].tolist() for name in ("loss", "seen")} | {"steps": int(state.step)}
    print(json.dumps(told | {"weights": np.concatenate(weights).tolist()}))


def killed(moment):
    """The last process dies in the middle of training."""
    if moment.rows and int(moment.state.step) > 20 and jax.process_index() == jax.process_count() - 1:
        print("killed at", time.time(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    run(*sys.argv[1:])
