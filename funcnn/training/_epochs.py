"""The compiled loop over arrays, whole epochs at a time."""

import jax
import jax.numpy as jnp
from jax import lax

from ._faults import all_finite, rows_of
from ._order import epoch_order


def train_epochs(step, n, batch_size):
    """A function that trains for ``count`` epochs and writes their losses from index ``done`` on; ``count`` may vary."""

    def run(state, losses, data, done, count):
        def epoch(i, carry):
            state, losses = carry
            state, loss = one_epoch(state, data)
            return state, losses.at[i].set(loss)

        state, losses = lax.fori_loop(done, done + count, epoch, (state, losses))
        return state, losses, all_finite((state, losses))

    def one_epoch(state, data):
        def on_rows(state, rows):
            state, metrics = step(state, rows_of(data, rows))
            return state, metrics["loss"]

        if batch_size == n:
            state, metrics = step(state, data)
            return state, metrics["loss"]
        order = epoch_order(state, n, batch_size)
        whole = n - n % batch_size
        state, losses = lax.scan(on_rows, state, order[:whole].reshape(-1, batch_size))
        if whole == n:
            return state, jnp.mean(losses)
        state, last = on_rows(state, order[whole:])
        return state, (jnp.sum(losses) * batch_size + last * (n - whole)) / n

    return run


def compiler_options(state, batch_size):
    """On a CPU, no threads for matrix products that are done sooner than a thread wakes up."""
    weights = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    small = jax.default_backend() == "cpu" and weights * batch_size < 1_000_000
    return {"xla_cpu_multi_thread_eigen": False} if small else None
