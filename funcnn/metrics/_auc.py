"""The area under the curve of true over false positives, from a histogram of the scores."""

import jax.numpy as jnp
from jax import Array

from .._arrays import of_arrays
from ..training._data import require_count
from ..training._metrics import Metric, wide
from ..training._once import once
from ._reading import weights_of, yes_or_no


@once
def auc(bins: int = 2048) -> Metric:
    """The metric of how often a yes has a higher score than a no, equal scores counting half.

    The scores of the batches do not add up, their histogram does. A score s is counted by s/(1 + abs(s)), which is from -1
    to 1, in equal bins. Scores in one bin count as equal. Some of the pairs of a yes and a no fall into one bin,
    and the result is off by at most half their share. Near a score s a bin is as wide as ``2 * (1 + abs(s))**2 / bins``.

    Args:
      bins: how many.

    Returns:
      A metric of predictions and labels such as `binary_accuracy`'s. It is NaN where all labels are alike.

    Example:
      >>> metric = metrics.auc()
      >>> round(float(metric.value(metric.measure(jnp.array([2.0, 1.0, 0.0, -1.0]), jnp.array([1.0, 0.0, 1.0, 0.0])))), 4)
      0.75

    Source:
      Hanley & McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC) curve", 1982.
    """
    require_count("auc: bins", bins, low=2)

    @of_arrays
    def measure(prediction: Array, labels: Array, weight: Array | None = None) -> Array:
        score, yes = yes_or_no("auc", prediction, labels)
        place = wide(score) / (1 + jnp.abs(wide(score))) * (bins / 2) + bins / 2
        place = jnp.clip(jnp.floor(place).astype(jnp.int32), 0, bins - 1)
        return jnp.zeros((2, bins), jnp.float32).at[yes.astype(jnp.int32), place].add(weights_of(yes, weight))

    def value(counts: Array) -> Array:
        no, yes = counts
        below = jnp.cumsum(no) - no / 2
        return jnp.sum(yes * below) / (jnp.sum(yes) * jnp.sum(no))

    return Metric(measure, value)
