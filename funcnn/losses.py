"""Losses of a batch: a rule's loss of each example, weighted, then averaged or summed.

Every loss is ``loss(prediction, target, weight=None, *, reduction="mean")``, the form that `make_step` and `fit` take.
The rules themselves, with their mathematics, are in `funcnn.rules`.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer as _Tracer

from . import rules


def squared_error(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """Squared difference: the mean squared error, or with ``reduction="sum"`` the sum that from-scratch texts use.

    Args:
      prediction: ``[...]``, floating.
      target: of the same shape and dtype.
      weight: one number an example or an element: its shape is that of prediction's leading axes.
      reduction: ``"mean"`` (weighted), ``"sum"`` or ``"none"``.

    Returns:
      A scalar; with ``"none"`` the shape of prediction.

    Example:
      >>> float(squared_error(jnp.array([1.0, 2.0]), jnp.array([1.0, 4.0])))
      2.0
    """
    return _reduce(rules.squared_error(prediction, target), weight, reduction)


def softmax_cross_entropy(
    logits: Array, labels: Array, weight: Array | None = None, *, reduction: str = "mean"
) -> Array:
    """Cross-entropy of the softmax of the logits.

    Args:
      logits: ``[..., classes]``, floating.
      labels: class numbers ``[...]``, or distributions ``[..., classes]`` of the logits' dtype.
      weight: one number an example; its shape is that of the leading axes of ``[...]``.
      reduction: ``"mean"`` (weighted), ``"sum"`` or ``"none"``.

    Returns:
      A scalar; with ``"none"`` ``[...]``.

    Raises:
      ValueError: a label is outside the classes (where its value can be seen, that is outside jit; inside, its loss
        is NaN).
    """
    _require_classes(labels, logits.shape[-1] if logits.ndim else 0)
    return _reduce(rules.softmax_cross_entropy(logits, labels), weight, reduction)


def sigmoid_cross_entropy(
    logits: Array, labels: Array, weight: Array | None = None, *, reduction: str = "mean"
) -> Array:
    """Cross-entropy of independent yes-or-no labels.

    Args:
      logits: ``[...]``, floating.
      labels: of the same shape and dtype, from 0 (no) to 1 (yes).
      weight: one number an example or an element: its shape is that of the logits' leading axes.
      reduction: ``"mean"`` (weighted), ``"sum"`` or ``"none"``.

    Returns:
      A scalar; with ``"none"`` the shape of the logits.
    """
    return _reduce(rules.sigmoid_cross_entropy(logits, labels), weight, reduction)


def _reduce(loss, weight, reduction):
    if reduction not in {"mean", "sum", "none"}:
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    if weight is not None:
        if weight.shape != loss.shape[: weight.ndim]:
            raise ValueError(f"weight must have the leading axes of {list(loss.shape)}, got shape {list(weight.shape)}")
        weight = jnp.broadcast_to(weight.reshape(weight.shape + (1,) * (loss.ndim - weight.ndim)), loss.shape)
        weight = weight.astype(loss.dtype)
        loss = loss * weight
    if reduction == "none":
        return loss
    if reduction == "sum":
        return jnp.sum(loss)
    if weight is None:
        return jnp.mean(loss)
    total = jnp.sum(weight)
    return jnp.sum(loss) / jnp.where(total == 0, 1, total)


def _require_classes(labels, classes):
    """Labels that are numbers, not tracers, can be looked at."""
    if isinstance(labels, _Tracer) or not np.issubdtype(labels.dtype, np.integer):
        return
    labels = np.asarray(labels)
    outside = np.argwhere((labels < 0) | (labels >= classes))
    if len(outside):
        place = tuple(map(int, outside[0]))
        raise ValueError(f"labels must be class numbers from 0 to {classes - 1}, got {labels[place]} at {list(place)}")
