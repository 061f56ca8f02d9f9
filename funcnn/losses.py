"""Losses of a batch: a rule's loss of each example, weighted, then averaged or summed.

Every loss is ``loss(prediction, target, weight=None, *, options, reduction="mean")``, the form that `make_step` and `fit`
take.

- ``weight`` is one number an example, or one an element. Its shape is that of the leading axes of what the rule returns.
- ``reduction`` is ``"mean"``, ``"sum"`` or ``"none"``. The mean is the sum of the weighted losses divided by the sum of the
  weights.
- The result is a scalar; with ``"none"`` it is the weighted losses, ``[...]``.

The shapes below are those of prediction and target. The rules have the same names, and their mathematics, options and
errors are in `funcnn.rules`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer as _Tracer

from . import rules


def squared_error(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """Squared difference, ``[...]`` of both. Texts that train from scratch often use ``reduction="sum"``.

    Example:
      >>> float(squared_error(jnp.array([1.0, 2.0]), jnp.array([1.0, 4.0])))
      2.0
    """
    return _reduce(rules.squared_error(prediction, target), weight, reduction)


def absolute_error(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """Absolute difference, ``[...]`` of both."""
    return _reduce(rules.absolute_error(prediction, target), weight, reduction)


def huber(
    prediction: Array, target: Array, weight: Array | None = None, *, delta: float = 1.0, reduction: str = "mean"
) -> Array:
    """Half the squared difference up to ``delta``, linear beyond, ``[...]`` of both."""
    return _reduce(rules.huber(prediction, target, delta), weight, reduction)


def log_cosh(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """Logarithm of the hyperbolic cosine of the difference, ``[...]`` of both."""
    return _reduce(rules.log_cosh(prediction, target), weight, reduction)


def softmax_cross_entropy(
    logits: Array,
    labels: Array,
    weight: Array | None = None,
    *,
    class_weights: Array | None = None,
    label_smoothing: float = 0.0,
    ignore: int | None = None,
    z_loss: float = 0.0,
    reduction: str = "mean",
) -> Array:
    """Cross-entropy of the softmax of the logits ``[..., classes]``.

    Labels are class numbers ``[...]``, or distributions ``[..., classes]`` of the logits' dtype. The mean divides as
    torch's does: a row counts as much as its class's weight, an ignored row counts 0, a distribution counts 1.

    Raises:
      ValueError: a label is outside the classes and is not ``ignore``. Inside jit, where labels have no values yet, such a
        row's loss is NaN instead.
    """
    _require_classes(labels, logits, ignore)
    loss = rules.softmax_cross_entropy(logits, labels, class_weights, label_smoothing, ignore, z_loss)
    return _reduce(loss, weight, reduction, _counts(logits, labels, class_weights, ignore))


def softmax_cross_entropy_with_z(
    logits: Array,
    labels: Array,
    weight: Array | None = None,
    *,
    class_weights: Array | None = None,
    label_smoothing: float = 0.0,
    ignore: int | None = None,
    reduction: str = "mean",
) -> tuple[Array, Array]:
    """The pair of `softmax_cross_entropy` and the squared log-sum-exp, both reduced alike."""
    _require_classes(labels, logits, ignore)
    both = rules.softmax_cross_entropy_with_z(logits, labels, class_weights, label_smoothing, ignore)
    counts = _counts(logits, labels, class_weights, ignore)
    return jax.tree.map(lambda each: _reduce(each, weight, reduction, counts), both)


def sigmoid_cross_entropy(
    logits: Array,
    labels: Array,
    weight: Array | None = None,
    *,
    pos_weight: Array | None = None,
    reduction: str = "mean",
) -> Array:
    """Cross-entropy of independent labels from 0 (no) to 1 (yes), ``[...]`` of both."""
    return _reduce(rules.sigmoid_cross_entropy(logits, labels, pos_weight), weight, reduction)


def focal(
    logits: Array,
    labels: Array,
    weight: Array | None = None,
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    reduction: str = "mean",
) -> Array:
    """Sigmoid cross-entropy with less weight on confident right predictions, ``[...]`` of both."""
    return _reduce(rules.focal(logits, labels, gamma, alpha), weight, reduction)


def hinge(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """``max(0, 1 - prediction * target)`` for targets of -1 or 1, ``[...]`` of both."""
    return _reduce(rules.hinge(prediction, target), weight, reduction)


def multiclass_hinge(
    scores: Array, labels: Array, weight: Array | None = None, *, margin: float = 1.0, reduction: str = "mean"
) -> Array:
    """Sum over the other classes of ``max(0, score - labelled score + margin)``.

    Scores are ``[..., classes]``, labels ``[...]``.

    Raises:
      ValueError: a label is outside the classes, as for `softmax_cross_entropy`.
    """
    _require_classes(labels, scores)
    return _reduce(rules.multiclass_hinge(scores, labels, margin), weight, reduction)


def triplet(
    anchor: Array,
    positive: Array,
    negative: Array,
    weight: Array | None = None,
    *,
    margin: float = 1.0,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Array:
    """``max(0, distance to the positive - distance to the negative + margin)``, ``[..., features]`` of all three."""
    return _reduce(rules.triplet(anchor, positive, negative, margin, eps), weight, reduction)


def cosine_distance(
    prediction: Array, target: Array, weight: Array | None = None, *, eps: float = 1e-12, reduction: str = "mean"
) -> Array:
    """One minus the cosine of the angle between two vectors, ``[..., features]`` of both."""
    return _reduce(rules.cosine_distance(prediction, target, eps), weight, reduction)


def info_nce(
    query: Array, key: Array, weight: Array | None = None, *, temperature: float = 0.07, reduction: str = "mean"
) -> Array:
    """Cross-entropy of each query's own key among the keys of all rows, ``[..., n, features]`` of both."""
    return _reduce(rules.info_nce(query, key, temperature), weight, reduction)


def kl_divergence(
    log_predictions: Array,
    targets: Array,
    weight: Array | None = None,
    *,
    log_targets: bool = False,
    reduction: str = "mean",
) -> Array:
    """Relative entropy of the targets to the predictions, ``[..., classes]`` of both, averaged over the rows."""
    return _reduce(rules.kl_divergence(log_predictions, targets, log_targets), weight, reduction)


def poisson_nll(
    log_rate: Array, target: Array, weight: Array | None = None, *, full: bool = False, reduction: str = "mean"
) -> Array:
    """Negative log-likelihood of counts under a Poisson distribution, ``[...]`` of both."""
    return _reduce(rules.poisson_nll(log_rate, target, full), weight, reduction)


def gaussian_nll(
    prediction: tuple[Array, Array],
    target: Array,
    weight: Array | None = None,
    *,
    eps: float = 1e-6,
    full: bool = False,
    reduction: str = "mean",
) -> Array:
    """Negative log-likelihood of values under a normal distribution, ``[...]`` of all three.

    The prediction is the pair of mean and variance, such as two layers in `parallel` give.
    """
    mean, variance = prediction
    return _reduce(rules.gaussian_nll(mean, target, variance, eps, full), weight, reduction)


def _reduce(loss, weight, reduction, counts=None) -> Array:
    """The losses weighted and reduced; ``counts`` are their weights in the mean, None for 1 each."""
    if reduction not in {"mean", "sum", "none"}:
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    if weight is not None:
        if weight.shape != loss.shape[: weight.ndim]:
            raise ValueError(f"weight must have the leading axes of {list(loss.shape)}, got shape {list(weight.shape)}")
        weight = jnp.broadcast_to(weight.reshape(weight.shape + (1,) * (loss.ndim - weight.ndim)), loss.shape)
        weight = weight.astype(loss.dtype)
        loss = loss * weight
        counts = weight if counts is None else counts * weight
    if reduction == "none":
        return loss
    if reduction == "sum":
        return jnp.sum(loss)
    if counts is None:
        return jnp.mean(loss)
    total = jnp.sum(counts)
    return jnp.sum(loss) / jnp.where(total == 0, 1, total)


def _counts(logits, labels, class_weights, ignore):
    """Each row's weight in the mean: its class's weight, or 0 if it is ignored; None for 1 each."""
    if not jnp.issubdtype(labels.dtype, jnp.integer) or (class_weights is None and ignore is None):
        return None
    counts = jnp.ones(labels.shape, logits.dtype)
    if class_weights is not None:
        onehot = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
        counts = jnp.einsum("...k,k->...", onehot, class_weights, precision="highest")
    return counts if ignore is None else jnp.where(labels == ignore, 0, counts)


def _require_classes(labels, logits, ignore=None):
    """Raise ValueError for a label outside the classes, unless the labels are tracers, which have no values."""
    if isinstance(labels, _Tracer) or not np.issubdtype(labels.dtype, np.integer):
        return
    labels, classes = np.asarray(labels), logits.shape[-1] if logits.ndim else 0
    outside = (labels < 0) | (labels >= classes)
    places = np.argwhere(outside if ignore is None else outside & (labels != ignore))
    if len(places):
        place = tuple(map(int, places[0]))
        raise ValueError(f"labels must be class numbers from 0 to {classes - 1}, got {labels[place]} at {list(place)}")
