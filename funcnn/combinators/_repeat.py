"""The same layer many times over."""

from numbers import Integral

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._calibration import run_calibration
from .._core import Layer, Params, Stream, as_layer, split_key
from .._shown import shown
from .._streaming import stream_of
from ._children import LayerLike, require_like


@shown
def repeat(layer: LayerLike, n: int, *, remat: bool = False) -> Layer:
    """The same layer n times, each time with parameters of its own, compiled once (`jax.lax.scan`).

    Args:
      layer: one whose output has its input's shapes and dtypes.
      n: how many times.
      remat: whether each repetition is recomputed in the backward pass, so that only its input is saved.

    Returns:
      A layer whose parameters are the layer's with a leading axis of n.

    Raises:
      TypeError: remat is not a bool.
      ValueError: n is not a positive int; or the output has another shape or dtype than the input.

    Example:
      >>> model, x = repeat(residual(serial(linear(3), tanh)), 6), jnp.ones((4, 3))
      >>> model.init(jax.random.key(0), x)[0]["w"].shape
      (6, 3, 3)
    """
    layer = as_layer(layer)
    stream = stream_of(layer)
    if not isinstance(n, Integral) or n < 1:
        raise ValueError(f"repeat: n must be a positive int, got {n!r}")
    if not isinstance(remat, (bool, np.bool_)):
        raise TypeError(f"repeat: remat must be True or False, got {remat!r}")

    def init(key, x):
        params = jax.vmap(lambda k: layer.init(k, x))(split_key(key, n))
        require_like("repeat", x, jax.eval_shape(layer.apply, _of_one(params, 0), x))
        return params

    def apply(params, x, *, key=None, training=False):
        def once(x, params_and_key):
            p, k = params_and_key
            y = layer.apply(p, x, key=k, training=training)
            require_like("repeat", x, y)
            return y, None

        keys = None if key is None else split_key(key, n)
        return lax.scan(jax.checkpoint(once) if remat else once, x, (params, keys), length=n)[0]

    def calibrate(params, batches):
        calibrated = []
        for i in range(n):
            p, batches = run_calibration(layer, _of_one(params, i), batches)
            calibrated.append(p)
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *calibrated), batches

    def start(params, like):
        return jax.vmap(lambda p: stream.start(p, like), axis_size=n)(params)

    def step(params, carry, x, lengths=None):
        def once(x, params_and_carry):
            carry, y = stream.step(*params_and_carry, x, lengths)
            require_like("repeat", x, y)
            return y, carry

        y, carry = lax.scan(once, x, (params, carry), length=n)
        return carry, y

    return Layer(init, apply, calibrate, Stream(start, step))


def _of_one(params: Params, i: int) -> Params:
    """The parameters of one repetition."""
    return jax.tree.map(lambda leaf: leaf[i], params)
