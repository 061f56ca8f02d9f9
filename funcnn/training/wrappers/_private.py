"""Differentially private training: each example's gradient clipped, and noise added to their sum."""

from typing import Any, NamedTuple

import jax
import optax

from ..._core import split_key
from ...rules._common._checks import require_key, require_number
from ...rules._common._precision import widen
from .._data import require_count
from .._optimizer import as_optimizer


class PrivateState(NamedTuple):
    """The wrapped optimizer's state, and the key of the next step's noise."""

    inner: Any
    key: jax.Array


def private(
    optimizer: Any, *, clip: float, noise: float, key: jax.Array, batch_size: int | None = None
) -> optax.GradientTransformationExtraArgs:
    """The optimizer, which sees no gradient but a private one: that of each example clipped, summed, with noise added.

    The gradient is ``(Σ clipped + noise · clip · normal) / examples``. No gradient of one example is formed, where that can
    be: `example_gradient_norms` says where. `epsilon` says what a whole run has revealed about one example.

    What `fit` returns as its loss, and a metric, is not private, and neither is what is decided by it: do not publish it,
    nor stop by it. The wrapped optimizer is offered no loss. A wrapper around it that looks at the loss, such as
    `spike_guard`, is not private. A parameter that is `frozen` has no part in the norms.

    Args:
      optimizer: an optax optimizer that needs the gradient alone.
      clip: the norm to which each example's gradient is scaled down, if it is larger.
      noise: the standard deviation of the noise, as a multiple of clip; 0 adds no noise.
      key: for the noise.
      batch_size: what to divide by; None divides by the batch's own number of examples. A batch that is drawn by chance,
        by `poisson_batches`, has a random size, and is divided by the expected one.

    Returns:
      An optimizer, for `fit` and `make_step`.

    Raises:
      TypeError, ValueError: an argument is not as described. In the update: there is no gradient of each example, or the
        gradient was changed before, as `optax.MultiSteps` does: that change would be lost.

    Example:
      >>> optimizer = private(optax.adam(1e-3), clip=1.0, noise=1.1, key=jax.random.key(1))

    Source:
      Abadi et al., "Deep learning with differential privacy", 2016, algorithm 1.
    """
    require_number("private", "clip", clip, "above 0", lambda v: v > 0)
    require_number("private", "noise", noise, "of at least 0", lambda v: v >= 0)
    require_key("private", key)
    if batch_size is not None:
        require_count("private: batch_size", batch_size, low=1)
    inner = as_optimizer(optimizer)

    def init(params):
        return PrivateState(inner.init(params), key)

    def update(updates, state, params=None, *, clipped_sum: Any = None, grad=None, **seen):
        del seen  # the loss, and functions of it, are not private
        _require_first(updates, clipped_sum, grad)
        total, n = clipped_sum(clip)
        next_key, noise_key = split_key(state.key)
        noised = _noised(total, noise * clip, noise_key, batch_size or n)
        masked = lambda node: isinstance(node, optax.MaskedNode)
        noised = jax.tree.map(lambda old, new: old if masked(old) else new, updates, noised, is_leaf=masked)
        updates, inner_state = inner.update(noised, state.inner, params)
        return updates, PrivateState(inner_state, next_key)

    return optax.GradientTransformationExtraArgs(init, update)


def _noised(total, deviation, key, n):
    leaves, tree = jax.tree.flatten(total)
    keys = split_key(key, len(leaves))
    draw = lambda a, k: (a + deviation * jax.random.normal(k, a.shape, a.dtype)) / n
    return tree.unflatten([draw(widen(a), k).astype(a.dtype) for a, k in zip(leaves, keys, strict=True)])


def _require_first(updates, clipped_sum: Any, grad):
    """Raise unless the step offers clipped gradients, and nothing changed its gradient before this wrapper."""
    if clipped_sum is None:
        raise TypeError("private: update needs the gradient of each example, which funcnn.fit and make_step hand on")
    own = {id(a) for a in jax.tree.leaves(grad)}
    if not all(id(a) in own for a in jax.tree.leaves(updates)):
        raise TypeError(
            "private must come first: what accumulates or changes the gradient before it, such as optax.MultiSteps, would "
            "be lost. Write private(chain(...)), and take larger batches"
        )
