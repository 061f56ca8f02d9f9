"""How many labels of a sequence would have to be changed, of how many there are."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._arrays import of_arrays
from ..generation import ctc_greedy
from ..rules.losses._ctc import require_frames, require_targets
from ..training._once import once
from ._reading import Counts, weights_of


@once
def label_error_rate(*, blank: int = 0) -> Callable[..., Counts]:
    """The metric of the edit distance between greedily decoded labels and the targets, a label of the targets.

    Args:
      blank: the class that stands for no label.

    Returns:
      A function ``(logits, labels, logit_lengths=None, label_lengths=None, weight=None) -> (sum, weight)`` with the
      arguments of `funcnn.losses.ctc`. Their ratio is above 1 where more labels are wrong than there are. A label of the
      targets that is the blank, or outside the classes, is wrong. A length beyond its axis is the axis's size. The function
      raises TypeError or ValueError where dtypes or shapes are not those of the loss.

    Example:
      >>> logits = jax.nn.one_hot(jnp.array([[1, 0, 2, 2]]), 3)
      >>> edits, of = metrics.label_error_rate()(logits, jnp.array([[1, 2, 2]]))
      >>> float(edits), float(of)
      (1.0, 3.0)

    Source:
      Graves et al., "Connectionist temporal classification", 2006, eq. 1.
    """

    @of_arrays
    def errors(
        logits: Array,
        labels: Array,
        logit_lengths: Array | None = None,
        label_lengths: Array | None = None,
        weight: Array | None = None,
    ) -> Counts:
        require_frames("label_error_rate", logits, logit_lengths, blank)
        require_targets("label_error_rate", labels, label_lengths, logits)
        found = ctc_greedy(logits, logit_lengths, blank=blank)
        batch, n = labels.shape
        lengths = jnp.full(batch, n, jnp.int32) if label_lengths is None else label_lengths
        lengths = jnp.clip(lengths.astype(jnp.int32), 0, n)
        edits = edit_distance(found.labels, found.lengths, labels, lengths)
        weights = weights_of(edits, weight)
        counted = jnp.where(weights == 0, 0, lengths.astype(weights.dtype))
        return jnp.sum(weights * edits.astype(weights.dtype)), jnp.sum(weights * counted)

    return errors


def edit_distance(labels: Array, lengths: Array, reference: Array, reference_lengths: Array) -> Array:
    """The least number of labels to insert, leave out or replace that makes each row the reference's, ``[batch]``.

    Row by row of Wagner & Fischer's table, "The string-to-string correction problem", 1974.
    """
    order = jnp.arange(reference.shape[1] + 1, dtype=jnp.int32)

    def of_row(labels: Array, length: Array, reference: Array, reference_length: Array) -> Array:
        def step(row: Array, here: tuple[Array, Array]) -> tuple[Array, None]:
            i, label = here
            replaced = row[:-1] + (reference != label).astype(row.dtype)
            ways = jnp.minimum(row + 1, jnp.pad(replaced, (1, 0), constant_values=i + 1))
            new = lax.cummin(ways - order) + order  # an insertion costs 1 a place
            return jnp.where(i < length, new, row), None

        numbers = jnp.arange(labels.shape[0], dtype=jnp.int32)
        row, _ = lax.scan(step, order, (numbers, labels))
        return row[reference_length]

    return jax.vmap(of_row)(labels, lengths, reference.astype(labels.dtype), reference_lengths)
