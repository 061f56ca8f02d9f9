"""Training that became NaN or inf: the error, and where the fault lies."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._order import epoch_order
from ._state import TrainState


class NonFiniteError(FloatingPointError):
    """The loss or a parameter became NaN or inf; ``state`` is the last good state, ``history`` what led there."""

    state: TrainState
    history: dict[str, Any]


def first_fault(run, step, state, losses, data, done, batch_size):
    """Go from the last good state through the epochs one by one, and through the faulty one step by step.

    Returns:
      What happened, and the last good state, with its losses and the number of epochs before it.
    """
    while done < len(losses):
        after, after_losses, finite = run(state, losses, data, done, 1)
        if not finite:
            break
        state, losses, done = after, after_losses, done + 1

    n = jax.tree.leaves(data)[0].shape[0]
    order = np.arange(n) if batch_size == n else epoch_order(state, n, batch_size)
    step = jax.jit(step)
    for start in range(0, n, batch_size):
        after, metrics = step(state, rows_of(data, order[start : start + batch_size]))
        fault = _name_fault({"loss": metrics["loss"], "params": after.params, "opt_state": after.opt_state})
        if fault:
            return f"{fault} at step {state.step} (epoch {done})", state, losses, done
        state = after
    return f"a value became NaN or inf in epoch {done}", state, losses, done


def _name_fault(values):
    for path, leaf in jax.tree_util.tree_leaves_with_path(values):
        if not all_finite(leaf):
            bad = np.asarray(leaf)[~np.isfinite(np.asarray(leaf))].flat[0]
            return f"{jax.tree_util.keystr(path, simple=True, separator='.')} became {bad}"
    return None


def all_finite(tree):
    floating = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.array([jnp.isfinite(leaf).all() for leaf in floating]).all()


def rows_of(data, rows):
    return jax.tree.map(lambda a: a.at[rows].get(mode="promise_in_bounds"), data)
