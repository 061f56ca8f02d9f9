"""A leaf of a tree as what a file holds: plain numbers, and the dtype and shape that say what they are."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._placement import put
from .._together import whole

KEYS = {"key<fry>": ("threefry2x32", 2), "key<rbg>": ("rbg", 4), "key<urbg>": ("unsafe_rbg", 4)}  # words a key


class Kind(NamedTuple):
    """What an array is, without its numbers.

    Attributes:
      dtype: its name: ``float32``, ``bfloat16``, ``key<fry>``.
      shape: its sizes.
    """

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"

    @property
    def stored(self) -> tuple[np.dtype, tuple[int, ...]]:
        """NumPy's own dtype, and the shape, of what a file holds: bits for dtypes that NumPy lacks, words for keys.

        Raises:
          TypeError: it does not hold numbers.
        """
        if self.dtype in KEYS:
            return np.dtype(np.uint32), (*self.shape, KEYS[self.dtype][1])
        try:
            dtype = np.dtype(self.dtype)
        except TypeError:  # of NumPy's names for strings and records
            dtype = np.dtype(object)
        if dtype.kind == "V" and jnp.issubdtype(dtype, np.number):
            dtype = np.dtype(f"uint{8 * dtype.itemsize}")
        if dtype.kind not in "biufc":
            raise TypeError(f"must hold numbers, got {self}")
        return dtype, self.shape

    @property
    def nbytes(self) -> int:
        """How many bytes a file holds of it."""
        dtype, shape = self.stored
        return dtype.itemsize * math.prod(shape)


Numbers = tuple[Kind, Any]  # an array, or the words of a key, and what it is


def kind_of(leaf: Any) -> Kind:
    """What a leaf is: an array of JAX or NumPy, a `jax.ShapeDtypeStruct`, or a number of Python.

    Raises:
      TypeError: it is something else, or does not hold numbers.
    """
    if isinstance(leaf, (bool, int, float, complex)):
        leaf = np.asarray(leaf)
    if not isinstance(leaf, (jax.Array, np.ndarray, np.generic, jax.ShapeDtypeStruct)):
        raise TypeError(f"must be an array or a number, got {type(leaf).__name__}")
    kind = Kind(leaf.dtype.name, tuple(leaf.shape))
    _ = kind.stored
    return kind


def numbers_of(leaf: Any) -> Numbers:
    """A leaf as what is stored; its numbers stay on their device, unless other processes have some of them."""
    kind = kind_of(leaf)
    leaf = whole(leaf) if isinstance(leaf, jax.Array) else leaf
    return kind, jax.random.key_data(leaf) if kind.dtype in KEYS else leaf


def to_bytes(array: Any, kind: Kind) -> np.ndarray:
    """The bytes of what is stored, uint8 ``[nbytes]``: of an array on a CPU, a view."""
    array = np.asarray(array, order="C")
    if array.dtype.kind != "V":
        array = array.astype(kind.stored[0], copy=False)  # little-endian
    return array.reshape(-1).view(np.uint8)


def from_bytes(numbers: np.ndarray, kind: Kind) -> Any:
    """The array of that kind: NumPy's, or a key."""
    dtype, shape = kind.stored
    if kind.dtype in KEYS:
        return jax.random.wrap_key_data(jnp.asarray(numbers.view(dtype).reshape(shape)), impl=KEYS[kind.dtype][0])
    return numbers.view(np.dtype(kind.dtype)).reshape(shape)


def placed(array: Any, like: Any) -> Any:
    """An array of what a leaf is: NumPy's, a number of Python's, or JAX's, where the leaf lies.

    Raises:
      ValueError: JAX would change its dtype.
    """
    if isinstance(like, np.ndarray):
        return array
    if isinstance(like, np.generic):
        return array[()]
    if isinstance(like, (bool, int, float, complex)):
        return array.item()
    committed = isinstance(like, jax.ShapeDtypeStruct) or like.committed
    where = like.sharding if committed else None
    result = jax.device_put(array, where) if where is None or where.is_fully_addressable else put(array, where)
    if result.dtype != array.dtype:
        raise ValueError(f"must be {array.dtype}, which needs jax.config.update('jax_enable_x64', True)")
    return result
