"""Cross-entropy of a model's last linear layer, whose logits are never all in memory.

With a scalar result the forward pass makes the gradient, some positions at a time: `rules.linear_cross_entropy`. The losses
of single rows come from `rules.linear_log_prob`, with L its lse, ε the smoothing, c the class weights and ζ the z-loss:

    l = -(1 - ε) c_y log_prob + ε / classes (Σ_k c_k L - Σ_k c_k z_k) + ζ L²
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from .. import rules
from .._arrays import of_arrays
from .._reduction import as_weights, require_labels, require_reduction
from ..rules._common._checks import describe, require_number
from ..rules._common._cotangent import rows_placement
from ..rules._common._precision import widen
from ..rules.losses._head import Head, divided, require_head
from ..rules.losses._labels import require_classes, require_ignore


@of_arrays
def linear_cross_entropy(
    prediction: tuple[Array, ...],
    labels: Array,
    weight: Array | None = None,
    *,
    class_weights: Array | None = None,
    label_smoothing: float = 0.0,
    ignore: int | None = None,
    z_loss: float = 0.0,
    softcap: float | None = None,
    axis_name: str | tuple[str, ...] | None = None,
    reduction: str = "mean",
) -> Array:
    """Cross-entropy of the softmax of ``x w + b``, as `softmax_cross_entropy` of these logits, in far less memory.

    The prediction is ``(x, w)`` or ``(x, w, b)``: hidden states ``[..., n]``, weights ``[n, classes]`` and a bias
    ``[classes]``. Labels are class numbers ``[...]``. The mean divides as `softmax_cross_entropy`'s does; where nothing
    counts it is 0. A ``softcap`` c makes each logit z ``c tanh(z / c)``. With ``axis_name`` the classes are divided over
    that axis of `jax.shard_map`, or several: weights, bias and class weights are one device's, and labels count through.

    Raises:
      TypeError: the prediction is not such a tuple.
      ValueError: a label is outside the classes, as for `softmax_cross_entropy`, or the weights are not divided over
        ``axis_name``.

    Example:
      >>> x, w, labels = jnp.ones((4, 3)), jnp.ones((3, 2)), jnp.array([0, 1, 1, 0])
      >>> float(linear_cross_entropy((x, w), labels).round(4))
      0.6931
    """
    x, w, b = head_of("linear_cross_entropy", prediction)
    require_reduction(reduction)
    head = Head(x, w, b, softcap=softcap)
    of_classes = {"class_weights": (class_weights, "classes | None")}
    require_head("linear_cross_entropy", head, None, "rows", axis_name, **of_classes)
    require_classes("linear_cross_entropy", labels, x)
    classes, first = divided(head, axis_name)
    if ignore is not None:
        require_ignore("linear_cross_entropy", labels, ignore)
    require_labels(labels, jax.ShapeDtypeStruct((w.shape[0], classes), w.dtype), weight, ignore)
    counted = as_weights(weight, labels, x.dtype, ignore)
    if weight is not None or ignore is not None:
        x, labels = jnp.where(counted[..., None] == 0, 0, x), jnp.where(counted == 0, 0, labels)
    own = None if class_weights is None else _of_classes(class_weights, labels, first, axis_name)
    if reduction == "mean":
        total = jnp.sum(counted if own is None else counted * own)
        counted = counted / jnp.where(total == 0, 1, total)
    if reduction == "none" or axis_name is not None:
        rows = counted * _of_rows(head._replace(x=x), labels, class_weights, own, label_smoothing, z_loss, axis_name)
        return (rows if reduction == "none" else jnp.sum(rows)).astype(x.dtype)
    return rules.linear_cross_entropy(
        x, w, labels, b, counted, class_weights, label_smoothing=label_smoothing, z_loss=z_loss, softcap=softcap
    )


def head_of(loss: str, prediction, name: str = "prediction") -> tuple[Array, Array, Array | None]:
    """The hidden states, the weights and the bias, which may be left out.

    Raises:
      TypeError: what has this name is not a tuple of these.
    """
    if not isinstance(prediction, (tuple, list)) or len(prediction) not in {2, 3}:
        raise TypeError(f"{loss}: {name} must be a tuple (x, w) or (x, w, b), got {describe(prediction)}")
    x, w, *rest = prediction
    if not hasattr(x, "shape"):
        raise TypeError(f"{loss}: x of {name} must be an array, got {describe(x)}")
    return x, w, rest[0] if rest else None


def _of_rows(head, labels, class_weights, own, label_smoothing, z_loss, axis_name):
    """The loss of each row; ``own`` is the weight of each row's class."""
    require_number("linear_cross_entropy", "label_smoothing", label_smoothing, "from 0 to 1", lambda v: 0 <= v <= 1)
    require_number("linear_cross_entropy", "z_loss", z_loss, "that is not negative", lambda v: v >= 0)
    x, w, b = head[:3]
    u = None
    if label_smoothing:
        u = jnp.ones(head.classes, w.dtype) if class_weights is None else class_weights
    row = rules.linear_log_prob(x, w, labels, b, u=u, softcap=head.softcap, axis_name=axis_name)
    loss = -(1 - label_smoothing) * (row.log_prob if own is None else row.log_prob * own)
    if u is not None and row.weighted_logit is not None:
        total = jnp.sum(widen(u)) if axis_name is None else lax.psum(jnp.sum(widen(u)), axis_name)
        loss = loss + label_smoothing / divided(head, axis_name)[0] * (total * row.lse - row.weighted_logit)
    return loss + z_loss * row.lse**2 if z_loss else loss


def _of_classes(class_weights, labels, first, axis_name):
    """The weight of each row's class."""
    class_weights = jnp.asarray(class_weights)
    if axis_name is None:
        return widen(class_weights.at[labels].get(mode="clip", out_sharding=rows_placement(labels, class_weights)))
    own = widen(class_weights.at[labels - first].get(mode="fill", fill_value=0, wrap_negative_indices=False))
    return lax.psum(own, axis_name)
