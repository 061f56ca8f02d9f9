"""A model as a program that needs JAX alone."""

from collections.abc import Sequence

import jax
from jax import export as jax_export

from .._core import Layer, Params, PyTree, as_layer
from .._extras import extra


def export(model: Layer, params: Params, x: PyTree, *, platforms: Sequence[str] | None = None) -> bytes:
    """A trained model as a serialized program of StableHLO, parameters included, for a batch of any size.

    Another process calls it by ``jax.export.deserialize(program).call(x)``, with JAX and without this library. JAX promises
    to read it for six months.

    Args:
      model: a layer, which is applied outside of training.
      params: its parameters, calibrated where it has batch norms.
      x: inputs, or their `jax.ShapeDtypeStruct`; only the size of axis 0 may be another later, the same in each leaf.
      platforms: where it is to run, of ``"cpu"``, ``"cuda"``, ``"rocm"`` and ``"tpu"``; None for where it is now.

    Returns:
      The program.

    Raises:
      TypeError: an input is not an array.
      ValueError: an input has no batch axis.
      ImportError: flatbuffers, which JAX writes it by, is not installed.

    Example:
      >>> x = jnp.ones((4, 3))
      >>> params = linear(2).init(jax.random.key(0), x)
      >>> program = interop.export(linear(2), params, x)
      >>> jax.export.deserialize(bytearray(program)).call(x[:1]).shape
      (1, 2)
    """
    extra("flatbuffers", "export")
    model = as_layer(model)
    (batch,) = jax_export.symbolic_shape("batch")

    def of_any_size(path, a):
        place = f"x{jax.tree_util.keystr(path)}"
        if not hasattr(a, "dtype"):
            raise TypeError(f"export: {place} must be an array, got {type(a).__name__}")
        if not a.shape:
            raise ValueError(f"export: {place} must have a batch axis, got {a.dtype}[]")
        return jax.ShapeDtypeStruct((batch, *a.shape[1:]), a.dtype)

    shapes = jax.tree_util.tree_map_with_path(of_any_size, x)
    program = jax_export.export(jax.jit(lambda x: model.apply(params, x)), platforms=platforms)(shapes)
    return bytes(program.serialize())
