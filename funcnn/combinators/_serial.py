"""One layer after another."""

import jax

from .._calibration import run_calibration
from .._core import Layer, Stream
from .._shown import shown
from .._streaming import like_after, stream_of
from ._children import LayerLike, carries_of, children_of, split


@shown
def serial(*layers: LayerLike, **named: LayerLike) -> Layer:
    """One layer after another: ``serial(f, g)`` is x -> g(f(x)).

    Args:
      *layers: layers, or plain functions; the parameters are then a tuple.
      **named: the same with names; the parameters are then a dict, and a name is its part of a leaf's path.

    Returns:
      A layer.

    Raises:
      TypeError: some layers are positional and others named, or one is not a layer.

    Example:
      >>> model = serial(linear(3), tanh, linear(2))
      >>> [p and sorted(p) for p in model.init(jax.random.key(0), jnp.ones((4, 2)))]
      [['b', 'w'], (), ['b', 'w']]
    """
    children, pack, unpack = children_of("serial", layers, named)

    def init(key, x):
        params = []
        for layer, k in zip(children, split(key, len(children)), strict=True):
            params.append(layer.init(k, x))
            x = jax.eval_shape(layer.apply, params[-1], x)
        return pack(params)

    def apply(params, x, *, key=None, training=False):
        for layer, p, k in zip(children, unpack(params), split(key, len(children)), strict=True):
            x = layer.apply(p, x, key=k, training=training)
        return x

    def calibrate(params, batches):
        calibrated = []
        for layer, p in zip(children, unpack(params), strict=True):
            p, batches = run_calibration(layer, p, batches)
            calibrated.append(p)
        return pack(calibrated), batches

    def start(params, like):
        carries = []
        for layer, p in zip(children, unpack(params), strict=True):
            carries.append(stream_of(layer).start(p, like))
            like = like_after(layer, p, like)
        return tuple(carries)

    def step(params, carry, x, lengths=None):
        carries = []
        for layer, p, c in zip(children, unpack(params), carries_of("serial", carry, len(children)), strict=True):
            c, x = stream_of(layer).step(p, c, x, lengths)
            carries.append(c)
        return tuple(carries), x

    return Layer(init, apply, calibrate, Stream(start, step))
