"""Parameters that are measured on data, not learned: the population statistics of batch normalisation."""

from collections.abc import Callable, Iterable

import jax
import numpy as np
from jax.sharding import Mesh

from .._arrays import as_arrays
from .._calibration import run_calibration
from .._core import Layer, Params, PyTree, as_layer
from ._in_place import places_of
from ._mesh import inside
from ._placement import place, put


def calibrate(model: Layer, params: Params, batches: Iterable[PyTree] | Callable[[], Iterable[PyTree]]) -> Params:
    """Measure the mean and variance that each batch norm of a trained model uses outside of training.

    All batches go through one layer after another. Each batch norm gets the mean and the biased variance of everything
    that reaches it, before anything goes on to the next layer. So a later batch norm measures the values that it will meet
    outside of training, after earlier ones with *calibrated* statistics.

    The result does not depend on how the examples are cut into batches. On all of them the model's value with
    ``training=False`` is its value with ``training=True`` and all of them as one batch.

    The memory is that of all batches in the widest layer; some thousand examples are enough. A layer without a calibrate
    of its own is applied to all batches once more for each batch norm inside of it.

    Args:
      model: a layer.
      params: its parameters. On a mesh they are gathered, measured with, and put back where they lay.
      batches: inputs, of any sizes; or a function to such. All of them are held in memory.

    Returns:
      The parameters, with every ``mean`` and ``variance`` measured.

    Raises:
      TypeError: batches is one array, not several.
      ValueError: there is no batch, or a batch is empty. Or a layer of one's own applies a batch norm where it is not seen:
        inside of jit, scan, vmap or remat, or with other parameters than it got.

    Example:
      >>> x = jnp.array([[1.0], [2.0], [6.0]])
      >>> model = serial(batch_norm())
      >>> (params,) = calibrate(model, model.init(jax.random.key(0), x), [x[:1], x[1:]])
      >>> float(params["mean"][0]), round(float(params["variance"][0]), 4)
      (3.0, 4.6667)

    Source:
      Ioffe & Szegedy, "Batch normalization", 2015, algorithm 2, which averages the statistics of batches that are each
      normalised by their own. Wu & Johnson, "Rethinking 'batch' in batch normalization", 2021, section 3, on what differs.
    """
    if isinstance(batches, (jax.Array, np.ndarray)):
        raise TypeError(
            f"batches must be several inputs, got one array, {batches.dtype}{list(batches.shape)}: [x], say"
        )
    given = batches() if callable(batches) else batches
    batches = [as_arrays(f"batches[{i}]", x) for i, x in enumerate(given)]
    if not batches:
        raise ValueError("batches must not be empty, got none")
    places = places_of(params)
    if places is None:
        return run_calibration(as_layer(model), params, batches)[0]
    mesh = places.mesh
    assert isinstance(mesh, Mesh)  # of arrays that are there
    with inside(mesh):
        measured, _ = run_calibration(as_layer(model), place(params, mesh), batches)
    return places.map(put, measured)
