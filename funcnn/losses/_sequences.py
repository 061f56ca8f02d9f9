"""Log-probabilities of the tokens of sequences, as losses of whole answers take them."""

import jax
import jax.numpy as jnp
from jax import Array

from .. import rules
from .._reduction import as_weights, require_labels
from ..rules._common._checks import require_shape
from ..rules.losses._labels import require_class_numbers, require_ignore
from ._linear_cross_entropy import head_of

Prediction = Array | tuple[Array, ...]


def token_log_probs(
    loss: str,
    prediction: Prediction,
    labels: Array,
    weight: Array | None,
    ignore: int,
    temperature: float = 1.0,
    softcap: float | None = None,
) -> tuple[Array, Array]:
    """Each token's log-probability, 0 where it does not count, and 1 where it counts, both ``[..., tokens]``.

    A prediction is ``(x, w)`` or ``(x, w, b)``, from which `rules.linear_log_prob` makes them, or is these already. A token
    counts unless its label is ``ignore`` or its sequence has weight 0. What does not count may hold anything.
    """
    require_class_numbers(loss, labels)
    require_ignore(loss, labels, ignore)
    counted = as_weights(weight, labels, jnp.float32, ignore) != 0
    if not isinstance(prediction, (tuple, list)):
        expected = f"a tuple (x, w) or (x, w, b), or log-probabilities of the shape of labels, {list(labels.shape)}"
        fits = hasattr(prediction, "dtype") and prediction.shape == labels.shape
        require_shape(loss, "prediction", prediction, expected, fits)
        log_prob = prediction
    else:
        x, w, b = head_of(loss, prediction)
        require_labels(labels, jax.ShapeDtypeStruct(w.shape, w.dtype), weight, ignore)
        x, labels = jnp.where(counted[..., None], x, 0), jnp.where(counted, labels, 0)
        log_prob = rules.linear_log_prob(x, w, labels, b, temperature=temperature, softcap=softcap).log_prob
    return jnp.where(counted, log_prob, 0), counted.astype(log_prob.dtype)


def as_shaped(loss: str, name: str, a: Array, shape: tuple[int, ...], dtype) -> Array:
    """The argument as an array of this dtype, or of its own.

    Raises:
      ValueError: it has another shape.
    """
    require_shape(loss, name, a, f"{list(shape)} to follow labels", jnp.shape(a) == shape)
    return jnp.asarray(a, dtype)


def mean_over_tokens(a: Array, counts: Array) -> Array:
    """The mean of each sequence's tokens that count, ``[...]``; 0 without any."""
    tokens = jnp.sum(counts, axis=-1)
    return jnp.sum(a * counts, axis=-1) / jnp.where(tokens == 0, 1, tokens)


def pair_of(loss: str, labels: Array) -> None:
    """Raise TypeError or ValueError unless the labels are those of pairs of sequences."""
    require_class_numbers(loss, labels)
    expected = "[..., 2, tokens], of a chosen and a rejected answer"
    require_shape(loss, "labels", labels, expected, labels.ndim >= 2 and labels.shape[-2] == 2)
