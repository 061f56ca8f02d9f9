"""Parameters in the safetensors format, by dotted paths."""

from os import PathLike, fspath
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import PyTree
from .._extras import extra
from ._named import by_path, filled


def save_safetensors(path: str | PathLike[str], params: PyTree) -> None:
    """Write parameters to a file in the safetensors format, each array under its dotted path.

    The format has no checksum: a flipped bit goes unnoticed. It is for exchange.

    Args:
      path: the file's name; what is there is overwritten.
      params: a pytree of arrays.

    Raises:
      TypeError: a leaf is not an array of numbers.
      ValueError: two leaves have one path.
      ImportError: safetensors is not installed.
    """
    library = extra("safetensors.numpy", "safetensors")
    arrays = by_path("save_safetensors", params)
    for name, a in arrays.items():
        if not hasattr(a, "dtype") or jnp.issubdtype(a.dtype, jax.dtypes.extended):
            what = getattr(a, "dtype", type(a).__name__)
            raise TypeError(f"save_safetensors: {name} must be an array of numbers, got {what}")
    library.save_file({name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}, path)


def load_safetensors(path: str | PathLike[str], like: PyTree = None) -> Any:
    """Read a file in the safetensors format.

    Args:
      path: the file's name.
      like: parameters, or their `jax.ShapeDtypeStruct`, such as ``jax.eval_shape(model.init, key, x)`` gives; None for
        whatever is there.

    Returns:
      Parameters such as like; with None, a dict of NumPy arrays by name.

    Raises:
      ValueError: an array is missing, left over, or of another shape or dtype than in like. All of them are named. Or the
        file is of another format.
      ImportError: safetensors is not installed.

    Example:
      >>> import tempfile, os
      >>> params = linear(2).init(jax.random.key(0), jnp.ones((4, 3)))
      >>> with tempfile.TemporaryDirectory() as directory:
      ...     interop.save_safetensors(os.path.join(directory, "linear.safetensors"), params)
      ...     again = interop.load_safetensors(os.path.join(directory, "linear.safetensors"), like=params)
      >>> bool((again["w"] == params["w"]).all())
      True
    """
    library = extra("safetensors.numpy", "safetensors")
    try:
        arrays = library.load_file(path)
    except extra("safetensors", "safetensors").SafetensorError as error:
        raise ValueError(f"load_safetensors: {fspath(path)} is not whole, or of another format: {error}") from None
    return arrays if like is None else filled("load_safetensors", like, arrays, cast=False)
