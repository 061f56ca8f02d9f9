"""A layer around which its input goes as well."""

import jax
import jax.numpy as jnp
from jax import lax

from .._calibration import run_calibration
from .._core import Layer, Stream, as_layer
from .._shown import shown
from .._streaming import stream_of
from ._children import LayerLike, require_like


@shown
def residual(layer: LayerLike) -> Layer:
    """The layer's output added to its input: x -> x + layer(x). The parameters are the layer's own.

    Of a tree, its floating-point arrays are added. What is not, such as a recurrent layer's lengths, is the layer's output.

    Raises:
      TypeError: the input has not a floating-point array.
      ValueError: the output has another shape or dtype than the input.
    """
    layer = as_layer(layer)
    stream = stream_of(layer)

    def add(x, y):
        require_like("residual", x, y)
        if not any(map(_floating, jax.tree.leaves(x))):
            raise TypeError(f"residual: x must have a floating-point array, got {jax.tree.map(jax.typeof, x)}")
        return jax.tree.map(lambda a, b: lax.add(a, b) if _floating(a) else b, x, y)

    def apply(params, x, *, key=None, training=False):
        return add(x, layer.apply(params, x, key=key, training=training))

    def calibrate(params, batches):
        params, results = run_calibration(layer, params, batches)
        return params, list(map(add, batches, results))

    def step(params, carry, x, lengths=None):
        carry, y = stream.step(params, carry, x, lengths)
        return carry, add(x, y)

    return Layer(layer.init, apply, calibrate, Stream(stream.start, step))


def _floating(a):
    return jnp.issubdtype(jax.typeof(a).dtype, jnp.inexact)
