"""Loss of a sequence of labels whose alignment with the frames is not known."""

import numpy as np
from jax import Array
from jax.core import Tracer

from .. import rules
from .._arrays import of_arrays
from .._reduction import reduced


@of_arrays
def ctc(
    logits: Array,
    labels: Array,
    logit_lengths: Array | None = None,
    label_lengths: Array | None = None,
    weight: Array | None = None,
    *,
    blank: int = 0,
    reduction: str = "mean",
) -> Array:
    """Connectionist temporal classification of logits ``[batch, time, classes]``, as `rules.ctc`.

    Labels are ``[batch, n]``, the lengths ``[batch]``, and the weight is one number an example. The mean is over examples:
    a long target counts for more than a short one, unless the weight says otherwise. A target that cannot be aligned with
    its frames, such as a longer one, costs inf, with a gradient of 0: a weight of 0 leaves it out.

    Raises:
      ValueError: a label that counts is the blank or outside the classes, or a length is below 0 or beyond its axis.
        Inside jit, where arrays have no values, such a label costs inf, and such a length is the nearest that there is.

    Example:
      >>> logits, labels = jnp.zeros((2, 2, 2)), jnp.array([[1], [1]])   # "1", "1 blank" and "blank 1", of four ways
      >>> float(ctc(logits, labels).round(4))
      0.2877
    """
    rule = lambda *rows: rules.ctc(*rows, blank)
    loss = reduced(rule, (logits, labels, logit_lengths, label_lengths), weight, reduction)
    _require_values(logits, labels, logit_lengths, label_lengths, weight, blank)
    return loss


def _require_values(logits, labels, logit_lengths, label_lengths, weight, blank):
    """Raise ValueError for lengths and labels that do not fit, unless a tracer, which has no values, decides."""
    if any(isinstance(a, Tracer) for a in (labels, logit_lengths, label_lengths, weight)):
        return
    batch, n, classes = *labels.shape, logits.shape[-1]
    counted = np.full(batch, True) if weight is None else np.broadcast_to(np.asarray(weight) != 0, batch)
    for name, lengths, most in (("logit_lengths", logit_lengths, logits.shape[1]), ("label_lengths", label_lengths, n)):
        if lengths is not None:
            outside = counted & ((np.asarray(lengths) < 0) | (np.asarray(lengths) > most))
            _refuse(f"{name} must be from 0 to {most}", np.asarray(lengths), outside)
    labels = np.asarray(labels)
    within = np.arange(n)[None] < (np.full(batch, n) if label_lengths is None else np.asarray(label_lengths))[:, None]
    outside = (labels < 0) | (labels >= classes) | (labels == blank)
    expected = f"labels must be class numbers from 0 to {classes - 1}, and not the blank, {blank}"
    _refuse(expected, labels, outside & within & counted[:, None])


def _refuse(expected, a, outside):
    if outside.any():
        place = tuple(map(int, np.argwhere(outside)[0]))
        raise ValueError(f"{expected}, got {a[place]} at {list(place)}")
