"""What the rules of an MLP ask of their options."""

import jax

from .._common._checks import describe, is_int
from .._common._precision import widen


def require_options(rule, activation, tile, x, w):
    """Raise unless the activation keeps ``[..., hidden]``, w being ``[n, hidden]``, and the tile is None or above 0."""
    if not callable(activation):
        raise TypeError(f"{rule}: activation must be a function of an array, got {describe(activation)}")
    h = jax.ShapeDtypeStruct((*x.shape[:-1], w.shape[1]), widen(x).dtype)
    a = jax.eval_shape(activation, h)
    if (getattr(a, "shape", None), getattr(a, "dtype", None)) != (h.shape, h.dtype):
        raise ValueError(f"{rule}: activation must keep shape and dtype, {describe(h)}, got {describe(a)}")
    if tile is not None and not is_int(tile):
        raise TypeError(f"{rule}: tile must be an int or None, got {describe(tile)}")
    if tile is not None and tile < 1:
        raise ValueError(f"{rule}: tile must be above 0, got {tile}")
