"""Short runs whose checkpoints are looked into."""

import jax
import numpy as np
import optax

import funcnn as fn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype(np.float32)
Y = RNG.normal(size=(10, 2)).astype(np.float32)
PLAIN = fn.serial(fn.linear(4), fn.tanh, fn.linear(2))
SGD, ADAM = optax.sgd(0.1, momentum=0.9), optax.adamw(0.01)


def fit(model=PLAIN, optimizer=ADAM, data=(X, Y), **options):
    """Train for three epochs of batches of 4, 4 and 2 examples, or as the options say."""
    given = {"epochs": 3, "batch_size": 4, "key": jax.random.key(0), "progress": False}
    return fn.fit(model, fn.losses.squared_error, optimizer, data, **(given | options))


class CutError(Exception):
    """What ends a run in these tests."""


def cut_at(step):
    """A watcher that raises when so many steps have been taken."""

    def watch(moment):
        if int(moment.state.step) == step:
            raise CutError

    return watch
