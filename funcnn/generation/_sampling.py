"""One token for each row of logits: the likeliest, or one drawn from the likeliest."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from ..rules._common._precision import widen


def drawn(
    key: Array | None, logits: Array, temperature: float | Array, top_k: int | None, top_p: float | Array | None
) -> Array:
    """A token for each row of logits ``[batch, vocabulary]``; without a key the likeliest, the first of equals.

    A row's draw depends on the key, on the row's number and on its logits alone.

    Source:
      Holtzman et al., "The curious case of neural text degeneration", 2020, for top_p.
    """
    if key is None:
        return jnp.argmax(logits, axis=-1)
    logits = widen(logits) / temperature
    if top_k is not None:
        logits = _at_least(lax.top_k(logits, top_k)[0][:, -1:], logits)
    if top_p is not None:
        logits = _at_least(_smallest_within(top_p, logits), logits)
    keys = jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(len(logits)))
    return jax.vmap(jax.random.categorical)(keys, logits)


def _at_least(smallest, logits):
    """The logits, and −∞ in place of those below the smallest of their row; its equals stay."""
    return jnp.where(logits < smallest, -jnp.inf, logits)


def _smallest_within(top_p, logits):
    """The smallest logit of the fewest likeliest tokens whose probabilities sum to top_p, ``[batch, 1]``."""
    ordered = jnp.sort(logits, axis=-1, descending=True)
    p = jax.nn.softmax(ordered, axis=-1)
    before = jnp.cumsum(p, axis=-1) - p
    kept = jnp.sum(before < top_p, axis=-1, keepdims=True)
    return jnp.take_along_axis(ordered, jnp.maximum(kept - 1, 0), axis=-1)
