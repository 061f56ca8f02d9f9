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

from numbers import Real

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer as _Tracer

from . import rules
from .rules._common._checks import describe
from .rules.losses._labels import are_classes


def squared_error(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """Squared difference, ``[...]`` of both. Texts that train from scratch often use ``reduction="sum"``.

    Example:
      >>> float(squared_error(jnp.array([1.0, 2.0]), jnp.array([1.0, 4.0])))
      2.0
    """
    return _reduced(rules.squared_error, (prediction, target), weight, reduction)


def absolute_error(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """Absolute difference, ``[...]`` of both."""
    return _reduced(rules.absolute_error, (prediction, target), weight, reduction)


def huber(
    prediction: Array, target: Array, weight: Array | None = None, *, delta: float = 1.0, reduction: str = "mean"
) -> Array:
    """Half the squared difference up to ``delta``, linear beyond, ``[...]`` of both."""
    return _reduced(lambda *rows: rules.huber(*rows, delta), (prediction, target), weight, reduction)


def log_cosh(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """Logarithm of the hyperbolic cosine of the difference, ``[...]`` of both."""
    return _reduced(rules.log_cosh, (prediction, target), weight, reduction)


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
    _require_classes(labels, logits, weight, ignore)
    rule = lambda *rows: rules.softmax_cross_entropy(*rows, class_weights, label_smoothing, ignore, z_loss)
    counts = _counts(logits, labels, class_weights, ignore)
    return _reduced(rule, (logits, labels), weight, reduction, counts)


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
    _require_classes(labels, logits, weight, ignore)
    rule = lambda *rows: rules.softmax_cross_entropy_with_z(*rows, class_weights, label_smoothing, ignore)
    counts = _counts(logits, labels, class_weights, ignore)
    return _reduced(rule, (logits, labels), weight, reduction, counts)


def sigmoid_cross_entropy(
    logits: Array,
    labels: Array,
    weight: Array | None = None,
    *,
    pos_weight: Array | None = None,
    reduction: str = "mean",
) -> Array:
    """Cross-entropy of independent labels from 0 (no) to 1 (yes), ``[...]`` of both."""
    return _reduced(lambda *rows: rules.sigmoid_cross_entropy(*rows, pos_weight), (logits, labels), weight, reduction)


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
    return _reduced(lambda *rows: rules.focal(*rows, gamma, alpha), (logits, labels), weight, reduction)


def hinge(prediction: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """``max(0, 1 - prediction * target)`` for targets of -1 or 1, ``[...]`` of both."""
    return _reduced(rules.hinge, (prediction, target), weight, reduction)


def multiclass_hinge(
    scores: Array, labels: Array, weight: Array | None = None, *, margin: float = 1.0, reduction: str = "mean"
) -> Array:
    """Sum over the other classes of ``max(0, score - labelled score + margin)``.

    Scores are ``[..., classes]``, labels ``[...]``.

    Raises:
      ValueError: a label is outside the classes, as for `softmax_cross_entropy`.
    """
    _require_classes(labels, scores, weight)
    return _reduced(lambda *rows: rules.multiclass_hinge(*rows, margin), (scores, labels), weight, reduction)


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
    return _reduced(lambda *rows: rules.triplet(*rows, margin, eps, swap), rows, weight, reduction)


def cosine_distance(
    prediction: Array, target: Array, weight: Array | None = None, *, eps: float = 1e-12, reduction: str = "mean"
) -> Array:
    """One minus the cosine of the angle between two vectors, ``[..., features]`` of both."""
    return _reduced(lambda *rows: rules.cosine_distance(*rows, eps), (prediction, target), weight, reduction)


def info_nce(
    query: Array, key: Array, weight: Array | None = None, *, temperature: float = 0.07, reduction: str = "mean"
) -> Array:
    """Cross-entropy of each query's own key among the keys of all rows, ``[..., n, features]`` of both.

    The key of a row of weight 0 is not among the keys of the other rows either.
    """
    rule = lambda query, key: rules.info_nce(*_with_keys_out(query, key, weight), temperature)
    return _reduced(rule, (query, key), weight, reduction)


def kl_divergence(
    log_predictions: Array,
    targets: Array,
    weight: Array | None = None,
    *,
    log_targets: bool = False,
    reduction: str = "mean",
) -> Array:
    """Relative entropy of the targets to the predictions, ``[..., classes]`` of both, averaged over the rows."""
    return _reduced(
        lambda *rows: rules.kl_divergence(*rows, log_targets), (log_predictions, targets), weight, reduction
    )


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
    return _reduced(lambda *rows: rules.poisson_nll(*rows, full, log_input), (prediction, target), weight, reduction)


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
    return _reduced(lambda *rows: rules.gaussian_nll(*rows, eps, full), (mean, target, variance), weight, reduction)


def _reduced(rule, rows, weight, reduction, counts=None):
    """A rule's losses of the rows, weighted and reduced; ``counts`` are their weights in the mean, None for 1 each.

    The rule is given zeros for what has weight 0, so that no NaN and no infinity meets a 0 on the way back.
    """
    if reduction not in {"mean", "sum", "none"}:
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    if weight is not None:
        weight = _as_weight(weight)
        rows = [jnp.where(_beside(a, weight).astype(bool), a, 0) if hasattr(a, "shape") else a for a in rows]
    return jax.tree.map(lambda loss: _weighted(loss, weight, reduction, counts), rule(*rows))


def _weighted(loss, weight, reduction, counts):
    if weight is not None:
        weight = jnp.broadcast_to(_beside(loss, weight), loss.shape).astype(loss.dtype)
        loss, weight = (jnp.where(weight == 0, 0, a) for a in (loss * weight, weight))
        counts = weight if counts is None else counts * weight
    if reduction == "none":
        return loss
    if reduction == "sum":
        return jnp.sum(loss)
    if counts is None:
        return jnp.mean(loss)
    wide = loss.dtype if loss.dtype.itemsize >= 4 else jnp.float32  # a sum of float16 overflows long before its mean
    total = jnp.sum(counts, dtype=wide)
    return (jnp.sum(loss, dtype=wide) / jnp.where(total == 0, 1, total)).astype(loss.dtype)


def _as_weight(weight):
    """The weight as an array: a number is the weight of every loss."""
    if not hasattr(weight, "dtype") and not isinstance(weight, Real):
        raise TypeError(f"weight must be a number or an array, got {describe(weight)}")
    return jnp.asarray(weight)


def _beside(a, weight):
    """The weight of the leading axes of ``a``, with an axis of size 1 for each other axis."""
    if weight.shape != a.shape[: weight.ndim]:
        raise ValueError(f"weight must have the leading axes of {list(a.shape)}, got shape {list(weight.shape)}")
    return weight.reshape(weight.shape + (1,) * (a.ndim - weight.ndim))


def _with_keys_out(query, key, weight):
    """Queries and keys with one more feature, which adds -3.6e9 to every similarity of a key of weight 0."""
    if weight is None or not hasattr(query, "shape") or not hasattr(key, "shape"):
        return query, key
    far = 6e4  # float16 holds it
    counts = _beside(key, _as_weight(weight)).astype(bool)
    out = jnp.where(counts, jnp.zeros_like(key[..., :1]), -far)
    return jnp.concatenate([query, jnp.full_like(query[..., :1], far)], -1), jnp.concatenate([key, out], -1)


def _counts(logits, labels, class_weights, ignore):
    """Each row's weight in the mean: its class's weight, or 0 if it is ignored; None for 1 each."""
    if not are_classes(labels) or (class_weights is None and ignore is None):
        return None
    counts = jnp.ones(labels.shape, logits.dtype)
    if class_weights is not None:
        onehot = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
        counts = jnp.einsum("...k,k->...", onehot, class_weights, precision="highest")
    return counts if ignore is None else jnp.where(labels == int(ignore), 0, counts)


def _require_classes(labels, logits, weight, ignore=None):
    """Raise ValueError for a label outside the classes that counts, unless a tracer, which has no values, decides."""
    if isinstance(labels, _Tracer) or isinstance(weight, _Tracer) or not are_classes(labels):
        return
    labels, classes = np.asarray(labels), logits.shape[-1] if logits.ndim else 0
    outside = (labels < 0) | (labels >= classes)
    places = np.argwhere(outside if ignore is None else outside & (labels != ignore))
    if weight is not None and np.shape(weight) == labels.shape[: np.ndim(weight)]:
        places = places[np.asarray(weight)[tuple(places.T[: np.ndim(weight)])] != 0]
    if len(places):
        place = tuple(map(int, places[0]))
        raise ValueError(f"labels must be class numbers from 0 to {classes - 1}, got {labels[place]} at {list(place)}")
