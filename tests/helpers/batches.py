"""A model trained on batches, while a thread may read ahead."""

import threading

import jax
import numpy as np
import optax

import funcnn as fn

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 3)).astype("float32"), RNG.normal(size=(10, 2)).astype("float32")
BATCHES = [(X[i : i + 4], Y[i : i + 4]) for i in (0, 4, 8)]  # of 4, 4 and 2 examples
MODEL = fn.serial(fn.linear(5), fn.tanh, fn.dropout(0.3), fn.linear(2))
LOSS, OPTIMIZER = fn.losses.squared_error, optax.adam(0.01)
KEY = jax.random.key(0)


def reading():
    """The threads that read data now."""
    return [thread for thread in threading.enumerate() if thread.name == "funcnn-data"]


def fit(data, **options):
    """Train on data, with the key if there is no state."""
    options = {"key": None if "state" in options else KEY, "progress": False} | options
    return fn.fit(MODEL, LOSS, OPTIMIZER, data, **options)


def endless():
    """The batches, again and again."""
    while True:
        yield from BATCHES
