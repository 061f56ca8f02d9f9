"""Whether a model can learn one batch by heart, which it must be able to before it learns anything else."""

from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from .._calibration import unmeasured_kept, without_statistics
from .._core import Layer
from .._paths import dotted
from ._data import as_data
from ._fit import fit
from ._objective import Loss
from ._state import TrainState


class OneBatch(NamedTuple):
    """What `overfit_one_batch` saw.

    Attributes:
      losses: before each step. They should come near 0, or near the lowest that the loss has for these targets.
      unmoved: the paths of the parameters that are exactly what they were drawn as: nothing reaches them.
    """

    losses: np.ndarray
    unmoved: tuple[str, ...]


def overfit_one_batch(
    model: Layer,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    batch: tuple[Any, ...],
    *,
    key: Any,
    steps: int = 200,
) -> OneBatch:
    """Train on one batch only: a loss that stays up tells of a fault in model, loss, data or rate, within seconds.

    Args:
      model, loss, optimizer, key: such as `fit` takes.
      batch: ``(inputs, *targets)``, some ten examples.
      steps: how many to take.

    Returns:
      The losses, and the parameters that did not move.

    Example:
      >>> x, y = jnp.eye(2), jnp.array([[1.0], [0.0]])
      >>> found = overfit_one_batch(linear(1), losses.squared_error, optax.sgd(0.5), (x, y), key=jax.random.key(0))
      >>> bool(found.losses[-1] < 1e-6), found.unmoved
      (True, ())

    Source:
      Karpathy, "A recipe for training neural networks", 2019.
    """
    batch = as_data(batch, "batch")
    start = TrainState.create(model, optimizer, key, batch[0])
    with unmeasured_kept():
        state, history = fit(model, loss, optimizer, batch, steps=steps, state=start, progress=False)
    same = without_statistics(jax.tree.map(lambda a, b: bool((a == b).all()), start.params, state.params))
    unmoved = tuple(dotted(path) for path, still in jax.tree_util.tree_leaves_with_path(same) if still)
    return OneBatch(history["loss"], unmoved)
