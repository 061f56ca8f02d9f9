"""Updates left out where the loss is far above its running mean."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from ...rules._common._checks import is_int, require_number
from .._optimizer import as_optimizer


class SpikeGuardState(NamedTuple):
    """The wrapped optimizer's state, the mean of the losses, over how many, and the updates left out: all, and in a row."""

    inner: Any
    mean: jax.Array
    losses: jax.Array
    skipped: jax.Array
    in_a_row: jax.Array


def spike_guard(
    optimizer: Any, factor: float = 2.0, *, decay: float = 0.98, warmup: int = 20, patience: int = 10
) -> optax.GradientTransformationExtraArgs:
    """The optimizer, which leaves out an update whose batch has a loss of more than ``factor`` times the running mean.

    The optimizer's state stays as it was, too. For a negative mean m the limit is ``m + (factor - 1) |m|``. A loss that is
    left out, or not finite, does not count in the mean. One that is not finite is no spike: for these there is
    ``on_nonfinite="skip"`` of `fit`, or `optax.apply_if_finite`.

    Args:
      optimizer: an optax optimizer. As the optimizer of `optax.MultiSteps`, it judges each update by its last small batch.
      factor: above 1.
      decay: of the mean, from 0 to below 1: at first it is that of all losses so far.
      warmup: how many losses the mean is to have before it judges.
      patience: after so many updates left out in a row, the next one is taken: the loss is at another level.

    Returns:
      An optimizer, whose state counts: ``state.opt_state.skipped``.

    Raises:
      TypeError, ValueError: an argument is not as described. Or, in its update, there is no loss ``value``, which `fit` and
        `make_step` hand on.

    Example:
      >>> optimizer = spike_guard(optax.adam(1e-3), factor=3)
    """
    require_number("spike_guard", "factor", factor, "above 1", lambda v: v > 1)
    require_number("spike_guard", "decay", decay, "from 0 to below 1", lambda v: 0 <= v < 1)
    for name, value in {"warmup": warmup, "patience": patience}.items():
        if not is_int(value) or value < 1:
            raise ValueError(f"spike_guard: {name} must be a positive int, got {value!r}")
    inner = as_optimizer(optimizer)

    def init(params):
        zero = jnp.zeros((), jnp.int32)
        return SpikeGuardState(inner.init(params), jnp.zeros(()), zero, zero, zero)

    def update(updates, state, params=None, *, value=None, **extra):
        if value is None:
            raise TypeError("spike_guard: update needs the loss as value=, which funcnn.fit and make_step hand on")
        loss = jnp.asarray(value, state.mean.dtype)
        limit = state.mean + (factor - 1) * jnp.abs(state.mean)
        spiked = (state.losses >= warmup) & (loss > limit) & jnp.isfinite(loss) & (state.in_a_row < patience)
        skip = lambda: (jax.tree.map(jnp.zeros_like, updates), state.inner)
        take = lambda: inner.update(updates, state.inner, params, value=value, **extra)
        updates, inner_state = lax.cond(spiked, skip, take)

        counts = jnp.isfinite(loss) & ~spiked
        count = jnp.where(counts, optax.safe_increment(state.losses), state.losses)
        share = jnp.maximum(1 - decay, 1 / jnp.maximum(count, 1).astype(float))
        mean = jnp.where(counts, state.mean + share * (loss - state.mean), state.mean)
        skipped = state.skipped + spiked.astype(jnp.int32)
        return updates, SpikeGuardState(inner_state, mean, count, skipped, jnp.where(spiked, state.in_a_row + 1, 0))

    return optax.GradientTransformationExtraArgs(init, update)
