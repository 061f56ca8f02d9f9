"""How often a prediction is right: of classes, of yes and no, or among the likeliest few."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array, lax

from .._arrays import of_arrays
from ..training._data import require_count
from ..training._once import once
from ._reading import Counts, classes_of, not_ignored, tally, weights_of, yes_or_no


@of_arrays
def accuracy(prediction: Array, labels: Array, weight: Array | None = None, *, ignore: int | None = None) -> Counts:
    """How often the largest of the scores is the label's, the first of them where several are largest.

    Args:
      prediction: logits or probabilities, ``[..., classes]``.
      labels: class numbers ``[...]``, or distributions ``[..., classes]``, of which the largest share counts.
      weight: of the leading axes of ``[...]``.
      ignore: a class number whose rows do not count.

    Returns:
      The weight of the right ones, and that of all.

    Raises:
      TypeError, ValueError: the shapes do not fit; there is one class, or no axis of classes; a label is outside the
        classes. Inside jit, where labels have no values, such a label counts as wrong.

    Example:
      >>> right, of = metrics.accuracy(jnp.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]]), jnp.array([0, 1, 1]))
      >>> float(right), float(of)
      (2.0, 3.0)
    """
    truth = classes_of("accuracy", prediction, labels, weight, ignore)
    guess = jnp.argmax(prediction, axis=-1).astype(truth.dtype)
    return tally(guess == truth, weights_of(truth, weight, not_ignored(truth, ignore)))


@of_arrays
def binary_accuracy(prediction: Array, labels: Array, weight: Array | None = None) -> Counts:
    """How often a logit has the sign of its label: above 0 for yes.

    Args:
      prediction: logits ``[...]``, or pairs of them ``[..., 2]``, for no and for yes.
      labels: from 0 (no) to 1 (yes), ``[...]``, as `funcnn.losses.sigmoid_cross_entropy` takes them; above 1/2 is yes.
      weight: of the leading axes of ``[...]``.

    Returns:
      The weight of the right ones, and that of all.

    Example:
      >>> right, of = metrics.binary_accuracy(jnp.array([2.0, -1.0, 0.5]), jnp.array([1.0, 0.0, 0.0]))
      >>> float(right), float(of)
      (2.0, 3.0)
    """
    score, truth = yes_or_no("binary_accuracy", prediction, labels)
    return tally((score > 0) == truth, weights_of(truth, weight))


@once
def top_k(k: int, *, ignore: int | None = None) -> Callable[..., Counts]:
    """The metric of how often the label is among the k largest scores, the first ones where several are equal.

    Args:
      k: how many; ``top_k(1)`` is `accuracy`.
      ignore: a class number whose rows do not count.

    Returns:
      A function ``(prediction, labels, weight=None) -> (sum, weight)``, with `accuracy`'s arguments.

    Example:
      >>> right, of = metrics.top_k(2)(jnp.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), jnp.array([1, 2]))
      >>> float(right), float(of)
      (1.0, 2.0)
    """
    require_count("top_k: k", k, low=1)

    @of_arrays
    def among_the_first(prediction: Array, labels: Array, weight: Array | None = None) -> Counts:
        truth = classes_of("top_k", prediction, labels, weight, ignore)
        if k > prediction.shape[-1]:
            raise ValueError(f"top_k: k must be at most the number of classes, {prediction.shape[-1]}, got {k}")
        likeliest = lax.top_k(prediction, k)[1].astype(truth.dtype)
        hits = jnp.any(likeliest == truth[..., None], axis=-1)
        return tally(hits, weights_of(truth, weight, not_ignored(truth, ignore)))

    return among_the_first
