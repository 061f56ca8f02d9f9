"""Losses of a batch: a rule's loss of each example, weighted, then averaged or summed.

Every loss is ``loss(prediction, target, weight=None, *, options, reduction="mean")``, the form that `make_step` and `fit`
take.

- ``weight`` is one number an example, or one an element. Its shape is that of the leading axes of what the rule returns.
  What has weight 0 (or False, in a mask) is as if it were not there, whatever it holds: NaN, an infinity, a label outside
  the classes. So its gradients are 0, and that of a weight of 0 is 0 too.
- ``reduction`` is ``"mean"``, ``"sum"`` or ``"none"``. The mean is the sum of the weighted losses divided by the sum of the
  weights.
- The result is a scalar; with ``"none"`` it is the weighted losses, ``[...]``.

The shapes below are those of prediction and target. The rules have the same names, and their mathematics, options and
errors are in `funcnn.rules`.
"""

from jax import Array

from . import rules
from ._arrays import of_arrays
from ._reduction import counts_of, reduced, require_labels, with_keys_out
from .rules._common._checks import describe


@of_arrays
def squared_error(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """Squared difference, ``[...]`` of both. Texts that train from scratch often use ``reduction="sum"``.

    Example:
      >>> float(squared_error(jnp.array([1.0, 2.0]), jnp.array([1.0, 4.0])))
      2.0
    """
    return reduced(rules.squared_error, (prediction, target), weight, reduction)


@of_arrays
def absolute_error(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """Absolute difference, ``[...]`` of both."""
    return reduced(rules.absolute_error, (prediction, target), weight, reduction)


@of_arrays
def huber(
    prediction: Array, target: Array, weight: Array | None = None, *, delta: float = 1.0, reduction: str = "mean"
) -> Array:
    """Half the squared difference up to ``delta``, linear beyond, ``[...]`` of both."""
    return reduced(lambda *rows: rules.huber(*rows, delta), (prediction, target), weight, reduction)


@of_arrays
def log_cosh(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """Logarithm of the hyperbolic cosine of the difference, ``[...]`` of both."""
    return reduced(rules.log_cosh, (prediction, target), weight, reduction)


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
    require_labels(labels, logits, weight, ignore)
    rule = lambda *rows: rules.softmax_cross_entropy(*rows, class_weights, label_smoothing, ignore, z_loss)
    counts = counts_of(logits, labels, class_weights, ignore)
    return reduced(rule, (logits, labels), weight, reduction, counts)


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
    """The pair of `softmax_cross_entropy` and the squared log-sum-exp, both reduced alike."""
    require_labels(labels, logits, weight, ignore)
    rule = lambda *rows: rules.softmax_cross_entropy_with_z(*rows, class_weights, label_smoothing, ignore)
    counts = counts_of(logits, labels, class_weights, ignore)
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
def triplet(
    anchor: Array,
    positive: Array,
    negative: Array,
    weight: Array | None = None,
    *,
    margin: float = 1.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    """``max(0, distance to the positive - distance to the negative + margin)``, ``[..., features]`` of all three."""
    rows = anchor, positive, negative
    return reduced(lambda *rows: rules.triplet(*rows, margin, eps, swap), rows, weight, reduction)


@of_arrays
def cosine_distance(
    prediction: Array, target: Array, weight: Array | None = None, *, eps: float = 1e-12, reduction: str = "mean"
) -> Array:
    """One minus the cosine of the angle between two vectors, ``[..., features]`` of both."""
    return reduced(lambda *rows: rules.cosine_distance(*rows, eps), (prediction, target), weight, reduction)


@of_arrays
def info_nce(
    query: Array, key: Array, weight: Array | None = None, *, temperature: float = 0.07, reduction: str = "mean"
) -> Array:
    """Cross-entropy of each query's own key among the keys of all rows, ``[..., n, features]`` of both.

    The key of a row of weight 0 is not among the keys of the other rows either.
    """
    rule = lambda query, key: rules.info_nce(*with_keys_out(query, key, weight), temperature)
    return reduced(rule, (query, key), weight, reduction)


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


@of_arrays
def poisson_nll(
    prediction: Array,
    target: Array,
    weight: Array | None = None,
    *,
    full: bool = False,
    log_input: bool = True,
    reduction: str = "mean",
) -> Array:
    """Negative log-likelihood of counts under a Poisson distribution, ``[...]`` of both."""
    return reduced(lambda *rows: rules.poisson_nll(*rows, full, log_input), (prediction, target), weight, reduction)


@of_arrays
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
    if not isinstance(prediction, (tuple, list)) or len(prediction) != 2:
        raise TypeError(f"gaussian_nll: prediction must be a pair (mean, variance), got {describe(prediction)}")
    mean, variance = prediction
    return reduced(lambda *rows: rules.gaussian_nll(*rows, eps, full), (mean, target, variance), weight, reduction)
