"""Losses of classes: logits or scores beside labels."""

from jax import Array

from .. import rules
from .._arrays import of_arrays
from .._reduction import counts_of, reduced, require_labels


@of_arrays
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
    rule = lambda *rows: rules.softmax_cross_entropy(*rows, class_weights, label_smoothing, ignore, z_loss)
    return _of_labelled(rule, logits, labels, weight, class_weights, ignore, reduction)


@of_arrays
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
    """The pair of `softmax_cross_entropy` and the squared log-sum-exp, both reduced alike.

    Raises:
      ValueError: a label is outside the classes, as for `softmax_cross_entropy`.
    """
    rule = lambda *rows: rules.softmax_cross_entropy_with_z(*rows, class_weights, label_smoothing, ignore)
    return _of_labelled(rule, logits, labels, weight, class_weights, ignore, reduction)


def _of_labelled(rule, logits, labels, weight, class_weights, ignore, reduction):
    """A rule's losses of labelled rows; in the mean a row counts as much as its class, and an ignored one 0."""
    require_labels(labels, logits, weight, ignore)
    counts = lambda: counts_of(logits, labels, class_weights, ignore)
    return reduced(rule, (logits, labels), weight, reduction, counts)


@of_arrays
def sigmoid_cross_entropy(
    logits: Array,
    labels: Array,
    weight: Array | None = None,
    *,
    pos_weight: Array | None = None,
    reduction: str = "mean",
) -> Array:
    """Cross-entropy of independent labels from 0 (no) to 1 (yes), ``[...]`` of both."""
    return reduced(lambda *rows: rules.sigmoid_cross_entropy(*rows, pos_weight), (logits, labels), weight, reduction)


@of_arrays
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
    return reduced(lambda *rows: rules.focal(*rows, gamma, alpha), (logits, labels), weight, reduction)


@of_arrays
def hinge(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """``max(0, 1 - prediction * target)`` for targets of -1 or 1, ``[...]`` of both."""
    return reduced(rules.hinge, (prediction, target), weight, reduction)


@of_arrays
def multiclass_hinge(
    scores: Array, labels: Array, weight: Array | None = None, *, margin: float = 1.0, reduction: str = "mean"
) -> Array:
    """Sum over the other classes of ``max(0, score - labelled score + margin)``.

    Scores are ``[..., classes]``, labels ``[...]``.

    Raises:
      ValueError: a label is outside the classes, as for `softmax_cross_entropy`.
    """
    require_labels(labels, scores, weight)
    return reduced(lambda *rows: rules.multiclass_hinge(*rows, margin), (scores, labels), weight, reduction)


@of_arrays
def kl_divergence(
    log_predictions: Array,
    targets: Array,
    weight: Array | None = None,
    *,
    log_targets: bool = False,
    reduction: str = "mean",
) -> Array:
    """Relative entropy of the targets to the predictions, ``[..., classes]`` of both, averaged over the rows."""
    return reduced(lambda *rows: rules.kl_divergence(*rows, log_targets), (log_predictions, targets), weight, reduction)
