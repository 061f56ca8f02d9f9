"""A layer around which its input goes as well."""

import jax
from jax import lax

from .._calibration import run_calibration
from .._core import Layer, Stream, as_layer
from .._shown import shown
from .._streaming import stream_of
from ._children import LayerLike, require_like


@shown
def residual(layer: LayerLike) -> Layer:
    """The layer's output added to its input: x -> x + layer(x). The parameters are the layer's own.

    Raises:
      ValueError: the output has another shape or dtype than the input.
    """
    layer = as_layer(layer)
    stream = stream_of(layer)

    def add(x, y):
        require_like("residual", x, y)
        return jax.tree.map(lax.add, x, y)

    def apply(params, x, *, key=None, training=False):
        return add(x, layer.apply(params, x, key=key, training=training))

    def calibrate(params, batches):
        params, results = run_calibration(layer, params, batches)
        return params, list(map(add, batches, results))

    def step(params, carry, x, lengths=None):
        carry, y = stream.step(params, carry, x, lengths)
        return carry, add(x, y)

    return Layer(layer.init, apply, calibrate, Stream(stream.start, step))
