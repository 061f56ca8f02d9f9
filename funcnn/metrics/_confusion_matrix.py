"""Which class was taken for which."""

import jax.numpy as jnp
from jax import Array

from .._arrays import of_arrays
from ..rules.losses._labels import inside
from ..training._data import require_count
from ..training._metrics import Metric
from ..training._once import once
from ._reading import classes_of, weights_of, yes_or_no


@once
def confusion_matrix(classes: int) -> Metric:
    """The metric whose entry ``[i, j]`` is the weight of the examples of class i that were taken for class j.

    Args:
      classes: how many. Predictions are ``[..., classes]``, labels class numbers ``[...]`` or distributions. With 2,
        predictions may be logits ``[...]`` of labels from 0 to 1.

    Returns:
      A metric with a result ``[classes, classes]``.

    Example:
      >>> metric = metrics.confusion_matrix(2)
      >>> metric.value(metric.measure(jnp.array([1.0, 2.0, -1.0]), jnp.array([1.0, 0.0, 1.0]))).tolist()
      [[0.0, 1.0], [1.0, 1.0]]
    """
    require_count("confusion_matrix: classes", classes, low=2)

    @of_arrays
    def measure(prediction: Array, labels: Array, weight: Array | None = None) -> Array:
        if classes == 2 and prediction.shape == jnp.shape(labels):
            score, yes = yes_or_no("confusion_matrix", prediction, labels)
            guess, truth, known = score > 0, yes.astype(int), None
        else:
            truth = classes_of("confusion_matrix", prediction, labels, weight)
            if prediction.shape[-1] != classes:
                raise ValueError(
                    f"confusion_matrix: prediction must have {classes} classes, got {prediction.shape[-1]}"
                )
            guess, known = jnp.argmax(prediction, axis=-1), inside(truth, prediction)
        counts = jnp.zeros((classes, classes), jnp.float32)
        return counts.at[truth.astype(int), guess.astype(int)].add(weights_of(truth, weight, known))

    return Metric(measure, lambda counts: counts)
