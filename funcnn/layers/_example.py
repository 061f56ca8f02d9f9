"""What layers ask of their arguments: sizes and dtypes of the example that ``init`` is given, options, a key."""

import jax
import jax.numpy as jnp

from ..rules._common._checks import is_int


def require_array(layer: str, x) -> None:
    """Raise TypeError unless x is an array, such as where it is a dict or a list of them."""
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        raise TypeError(f"{layer}: x must be an array, got {type(x).__name__}")


def features(layer: str, x, rank: int = 1) -> tuple[int, jnp.dtype]:
    """The size of x's last axis and its dtype.

    Raises:
      TypeError: x is not a floating-point array.
      ValueError: x has fewer axes than ``rank``.
    """
    require_array(layer, x)
    dtype = jax.dtypes.canonicalize_dtype(x.dtype) if x.dtype.kind in "iufcbV" else x.dtype
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"{layer}: x must be a floating-point array, got {dtype}{list(x.shape)}")
    if len(x.shape) < rank:
        raise ValueError(f"{layer}: x must have at least {rank} axes, got {dtype}{list(x.shape)}")
    return x.shape[-1], dtype


def positive(layer: str, name: str, value) -> int:
    """The value, if it is a positive int.

    Raises:
      TypeError: it is an array: the layer's constructor was called as if it were the layer.
      ValueError: it is anything else.
    """
    if hasattr(value, "dtype"):
        raise TypeError(
            f"{layer}: {name} must be a positive int, got an array: {layer}(...) makes a layer, whose apply takes the array"
        )
    if not is_int(value) or value < 1:
        raise ValueError(f"{layer}: {name} must be a positive int, got {value!r}")
    return value


def require_rate(layer: str, name: str, value) -> float:
    """The value, if it is a fraction that may be dropped.

    Raises:
      ValueError: it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(f"{layer}: {name}, the fraction that is dropped, must be from 0 to below 1, got {value!r}")
    return value


def key_of_training(layer: str, key):
    """The key of a call in training.

    Raises:
      ValueError: there is not a key.
    """
    if key is None:
        raise ValueError(f"{layer}: key must be given while training: apply(params, x, key=jax.random.key(0), "
                         "training=True), with another key every step")  # fmt: skip
    return key
