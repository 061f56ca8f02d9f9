"""Parameters that are measured on data, not learned: the population statistics of batch normalisation."""

from collections.abc import Iterable

import jax
import numpy as np

from .._core import Layer, Params, PyTree, as_layer, run_calibration


def calibrate(model: Layer, params: Params, batches: Iterable[PyTree]) -> Params:
    """Measure the mean and variance that each batch norm of a trained model uses outside of training.

    All batches go through one layer after another, and each batch norm is given the mean and the biased variance of all
    that reaches it, before anything goes on to the next layer. So a later one measures what it is going to meet, the
    earlier ones' values with their *calibrated* statistics, and not what it met in training. The result does not depend on
    how the examples are cut into batches, and the model's value on all of them, ``training=False``, is what it would be
    with ``training=True`` and all of them as one batch.

    It takes as much memory as all batches take in the widest layer; some thousand examples are enough.

    Args:
      model: a layer.
      params: its parameters.
      batches: inputs, of any sizes.

    Returns:
      The parameters, with every ``mean`` and ``variance`` measured.

    Raises:
      TypeError: batches is one array, not several.
      ValueError: there is no batch, or an empty one.

    Example:
      >>> x = jnp.array([[1.0], [2.0], [6.0]])
      >>> model = serial(batch_norm())
      >>> (params,) = calibrate(model, model.init(jax.random.key(0), x), [x[:1], x[1:]])
      >>> float(params["mean"][0]), round(float(params["variance"][0]), 4)
      (3.0, 4.6667)

    Source:
      Ioffe & Szegedy, "Batch normalization", 2015, algorithm 2, which takes the average of batches' statistics, each batch
      normalised by its own. Wu & Johnson, "Rethinking 'batch' in batch normalization", 2021, section 3, on the difference.
    """
    if isinstance(batches, (jax.Array, np.ndarray)):
        raise TypeError(
            f"batches must be several inputs, got one array, {batches.dtype}{list(batches.shape)}: [x], say"
        )
    batches = list(batches)
    if not batches:
        raise ValueError("batches must not be empty, got none")
    return run_calibration(as_layer(model), params, batches)[0]
