"""Arrays of other libraries as NumPy's."""

from typing import Any

import jax
import numpy as np


def as_arrays(name: str, tree: Any) -> Any:
    """The tree, with every array that NumPy can convert converted: pandas', PyTorch's. JAX's, NumPy's and numbers stay.

    Raises:
      TypeError: a leaf is none of these, or a list holds nothing but numbers. The message has the leaf's place, its type
        and what converts it, never its content.
    """

    def convert(path, a):
        if isinstance(a, (jax.Array, np.ndarray, np.generic, int, float)) or hasattr(a, "__jax_array__"):
            return a
        place, came = name + jax.tree_util.keystr(path), type(a).__name__
        if hasattr(a, "toarray"):
            raise TypeError(f"{place} must be a dense array, got {came}: convert it with .toarray()")
        if not hasattr(a, "__array__"):
            raise TypeError(f"{place} must be an array, got {came}: convert it with numpy.asarray")
        return np.asarray(a)

    return jax.tree_util.tree_map_with_path(convert, tree, is_leaf=_is_list_of_numbers)


def _is_list_of_numbers(a: Any) -> bool:
    return isinstance(a, list) and all(isinstance(leaf, (int, float, np.generic)) for leaf in jax.tree.leaves(a))
