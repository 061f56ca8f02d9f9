"""A layer that computes in another dtype than that of its parameters."""

from functools import partial

import jax
import jax.numpy as jnp

from .._calibration import run_calibration
from .._core import Layer, PyTree, Stream, as_layer
from .._shown import shown
from .._streaming import stream_of
from ._children import LayerLike


@shown
def mixed(layer: LayerLike, dtype=jnp.bfloat16) -> Layer:
    """The layer, computed in another dtype than its parameters have: float32 parameters, bfloat16 arithmetic.

    Parameters and input are rounded to ``dtype`` on the way in. The result gets the dtype of the input, or of the
    parameters where the input holds integers only. A gradient has its parameter's dtype, and so has the optimizer's state:
    updates too small for ``dtype`` add up.

    Args:
      layer: a layer, or a plain function.
      dtype: that of the arithmetic. float16 overflows beyond 65,504.

    Returns:
      A layer with the layer's own parameters. What `funcnn.calibrate` measures, it measures in ``dtype``.

    Raises:
      TypeError: dtype is not floating.

    Example:
      >>> x = jnp.ones((4, 3), jnp.float32)
      >>> model = mixed(serial(linear(8), relu, linear(2)))
      >>> params = model.init(jax.random.key(0), x)
      >>> params[0]["w"].dtype.name, model.apply(params, x).dtype.name
      ('float32', 'float32')

    Source:
      Micikevicius et al., "Mixed precision training", 2018, section 3.1.
    """
    layer = as_layer(layer)
    stream = stream_of(layer)
    if not _names_floating(dtype):
        raise TypeError(f"mixed: dtype must be floating, got {dtype!r}")

    def apply(params, x, *, key=None, training=False):
        y = layer.apply(_cast(params, dtype), _cast(x, dtype), key=key, training=training)
        return _cast(y, _outside(params, x, dtype))

    def calibrate(params, batches):
        rounded = _cast(params, dtype)
        measured, results = run_calibration(layer, rounded, [_cast(x, dtype) for x in batches])
        results = [_cast(y, _outside(params, x, dtype)) for x, y in zip(batches, results, strict=True)]
        return jax.tree.map(_unless_equal, params, rounded, measured), results

    def like_cast(a):
        """A shape with the dtype, or values, such as a memory's, which stay values."""
        return (
            jax.eval_shape(partial(_cast, dtype=dtype), a) if isinstance(a, jax.ShapeDtypeStruct) else _cast(a, dtype)
        )

    def start(params, like):
        return stream.start(_cast(params, dtype), jax.tree.map(like_cast, like))

    def step(params, carry, x, lengths=None):
        carry, y = stream.step(_cast(params, dtype), carry, _cast(x, dtype), lengths)
        return carry, _cast(y, _outside(params, x, dtype))

    return Layer(layer.init, apply, calibrate, Stream(start, step))


def _names_floating(dtype) -> bool:
    try:
        return jnp.issubdtype(jnp.dtype(dtype), jnp.floating)
    except TypeError:  # it names no dtype at all
        return False


def _cast(tree: PyTree, dtype) -> PyTree:
    """The tree with every floating-point array in another dtype."""
    return jax.tree.map(lambda a: a.astype(dtype) if _is_floating(a) else a, tree)


def _outside(params, x, dtype):
    """The dtype of the first floating-point array in x, or else in params."""
    return next((a.dtype for a in jax.tree.leaves((x, params)) if _is_floating(a)), dtype)


def _unless_equal(parameter, rounded, measured):
    """What was measured; a parameter that was not keeps the digits that rounding took."""
    if not _is_floating(parameter):
        return measured
    return jnp.where(measured == rounded, parameter, measured.astype(parameter.dtype))


def _is_floating(a) -> bool:
    return jnp.issubdtype(a.dtype, jnp.floating)
