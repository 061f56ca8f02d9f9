"""A layer that is computed again in the backward pass."""

import jax

from .._core import Layer, as_layer
from .._shown import shown
from .._streaming import stream_of
from ._children import LayerLike


@shown
def remat(layer: LayerLike) -> Layer:
    """The layer, computed again in the backward pass: of its forward pass only the input is saved.

    Value, gradients, noise and parameters are the layer's own. `repeat` has an option of this name for each repetition.

    Example:
      >>> model, x = remat(serial(linear(64), tanh, linear(1))), jnp.ones((4, 3))
      >>> model.apply(model.init(jax.random.key(0), x), x).shape
      (4, 1)

    Source:
      Chen et al., "Training deep nets with sublinear memory cost", 2016.
    """
    layer = as_layer(layer)

    def apply(params, x, *, key=None, training=False):
        def once(params, x, key):
            return layer.apply(params, x, key=key, training=training)

        return jax.checkpoint(once)(params, x, key)

    return Layer(layer.init, apply, layer.calibrate, stream_of(layer))
