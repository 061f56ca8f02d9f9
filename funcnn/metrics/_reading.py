"""How predictions, labels and weights are read: as class numbers, as yes and no, as a weight an element."""

import jax.numpy as jnp
from jax import Array

from .._reduction import reduced, require_labels
from ..rules._common._checks import describe, require_floating, require_shape
from ..rules.losses._labels import are_classes, require_classes, require_rows

Counts = tuple[Array, Array]  # (sum, weight)


def classes_of(metric: str, prediction: Array, labels: Array, weight=None, ignore: int | None = None) -> Array:
    """The labels of predictions ``[..., classes]`` as class numbers ``[...]``.

    Labels are class numbers, or distributions ``[..., classes]``, of which the largest share counts.
    """
    require_rows(metric, "prediction", prediction)
    binary = ": fn.metrics.binary_accuracy takes the logits of yes and no"
    require_shape(metric, "prediction", prediction, f"[..., classes] of two or more{binary}", prediction.shape[-1] > 1)
    if are_classes(labels):
        require_classes(metric, labels, prediction)
        require_labels(labels, prediction, weight, ignore)
        return jnp.asarray(labels)
    if not hasattr(labels, "shape") or labels.shape != prediction.shape or labels.ndim < 2:
        expected = f"class numbers {list(prediction.shape[:-1])} or distributions [..., classes]"
        raise ValueError(f"{metric}: labels must be {expected}, got {describe(labels)}{binary}")
    return jnp.argmax(labels, axis=-1)


def yes_or_no(metric: str, prediction: Array, labels: Array) -> tuple[Array, Array]:
    """Scores, above 0 for yes, and whether each label is yes.

    A prediction is the logit of each label, or a pair of logits ``[..., 2]``, for no and for yes. A label is yes above 1/2.
    """
    require_floating(metric, prediction=prediction)
    if not hasattr(labels, "shape") or prediction.shape not in {labels.shape, (*labels.shape, 2)}:
        shape = list(getattr(labels, "shape", ()))
        expected = f"{shape}, a logit for each of the labels, or [{', '.join(map(str, [*shape, 2]))}]"
        raise ValueError(f"{metric}: prediction must be {expected}, got {describe(prediction)}")
    score = prediction if prediction.shape == labels.shape else prediction[..., 1] - prediction[..., 0]
    return score, labels.astype(jnp.float32) > 0.5


def weights_of(like: Array, weight, counted: Array | None = None) -> Array:
    """A weight for each element, float32, of which the given one has the leading axes; 0 for what is not counted."""
    ones = jnp.ones_like(like, jnp.float32) if counted is None else counted.astype(jnp.float32)
    return reduced(lambda: ones, (), weight, "none")


def not_ignored(labels: Array, ignore: int | None) -> Array | None:
    """Whether each label counts; None if all do."""
    return None if ignore is None else labels != jnp.asarray(ignore, labels.dtype)


def tally(hits: Array, weights: Array) -> Counts:
    """The weight of what is True, and the weight of all."""
    return jnp.sum(jnp.where(hits, weights, 0)), jnp.sum(weights)
