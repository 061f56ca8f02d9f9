"""Moments as fit shows them, without any training."""

import jax
import numpy as np

import funcnn as fn
from funcnn.training._state import Position
from funcnn.training._watchers import Moment

SUMS = {"loss": (np.float32(0), np.float32(0))}  # no row is under way


def state_at(step):
    """A state after so many steps, whose one parameter is their number."""
    return fn.TrainState({"w": np.float32(step)}, (), jax.random.key(0), np.int32(step), Position(np.int32(step)))


def moments(start=0, **columns):
    """The moment before anything is done, and one a row; each row is one step and one epoch."""
    columns = {name: np.asarray(values) for name, values in columns.items()}
    n = len(next(iter(columns.values())))
    columns = {"step": start + np.arange(1, n + 1), "loss": np.zeros(n)} | columns
    yield Moment(state_at(start), {name: a[:0] for name, a in columns.items()}, SUMS, 0.0)
    for i in range(n):
        values = {name: a[i : i + 1] for name, a in columns.items()}
        yield Moment(state_at(start + i + 1), values, SUMS, float(i + 1), spent=1.0, examples=1)


def shown(watch, *all_moments):
    """How many rows the watcher saw until it ended training."""
    for i, moment in enumerate(all_moments):
        if watch(moment) is True:
            return i
    return len(all_moments) - 1
