"""How many classes a model is as unsure between as its cross-entropy says."""

import jax.numpy as jnp
from jax import Array

from .. import rules
from .._arrays import of_arrays
from .._reduction import counts_of, reduced, require_labels
from ..rules.losses._labels import are_classes
from ..training._metrics import Metric, ratio, wide
from ..training._once import once
from ._reading import Counts


@once
def perplexity(*, ignore: int | None = None) -> Metric:
    """The metric of the exponential of the mean cross-entropy, of logits ``[..., classes]``.

    Args:
      ignore: a class number whose rows do not count.

    Returns:
      A metric of what `funcnn.losses.softmax_cross_entropy` takes: labels are class numbers, or distributions.

    Example:
      >>> metric = metrics.perplexity()
      >>> round(float(metric.value(metric.measure(jnp.zeros((5, 7)), jnp.arange(5)))), 4)
      7.0

    Source:
      Jelinek, Mercer, Bahl & Baker, "Perplexity: a measure of the difficulty of speech recognition tasks", 1977.
    """

    @of_arrays
    def measure(logits: Array, labels: Array, weight: Array | None = None) -> Counts:
        require_labels(labels, logits, weight, ignore)

        def each(logits, labels):
            loss = rules.softmax_cross_entropy(logits, labels, None, 0.0, ignore)
            counts = counts_of(logits, labels, None, ignore)
            return loss, jnp.ones_like(loss) if counts is None else counts

        rows = (wide(logits), labels if are_classes(labels) else wide(labels))
        return reduced(each, rows, weight, "sum")

    return Metric(measure, lambda sums: jnp.exp(ratio(sums)))
