"""Trees as arrays by name, and back: in the containers of a tree that is alike, or in plain ones."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from ..._core import PyTree
from ..._paths import dotted
from .._trees import differences
from ._leaves import Numbers, kind_of, numbers_of, placed

EMPTY = "a container without arrays"


def named(tree: PyTree) -> dict[str, Any]:
    """Each leaf by its dotted path, and each outermost container without leaves, such as `optax.EmptyState`.

    Raises:
      ValueError: two leaves have the same path.
    """
    nodes: dict[str, Any] = {}
    for path, node in jax.tree_util.tree_leaves_with_path(tree, is_leaf=_is_empty):
        if (name := dotted(path)) in nodes:
            raise ValueError(f"two leaves have the path {name}: rename one of the keys that have a dot inside")
        nodes[name] = node
    return nodes


def as_numbers(tree: PyTree) -> dict[str, Numbers]:
    """The arrays of a tree by their paths.

    Raises:
      TypeError: a leaf holds no numbers.
      ValueError: two leaves have the same path.
    """
    return {name: _checked(numbers_of, name, leaf) for name, leaf in named(tree).items() if not _is_empty(leaf)}


def layout_of(tree: PyTree) -> dict[str, str]:
    """What is at each path: an array's dtype and shape, or a container without arrays."""
    return {
        name: EMPTY if _is_empty(node) else str(_checked(kind_of, name, node)) for name, node in named(tree).items()
    }


def rebuilt(like: PyTree, arrays: Mapping[str, Any]) -> PyTree:
    """A tree with the containers of one like it; each array is of NumPy or JAX, and lies, as the leaf in its place does.

    Raises:
      ValueError: JAX would change a dtype.
    """
    nodes, structure = jax.tree_util.tree_flatten_with_path(like, is_leaf=_is_empty)
    names = [(dotted(path), node) for path, node in nodes]
    leaves = [_checked(placed, name, arrays[name], node) if name in arrays else node for name, node in names]
    return jax.tree_util.tree_unflatten(structure, leaves)


def pack(name: str, value: Any) -> tuple[Any, dict[str, Numbers]]:
    """Plain data as JSON and arrays: dicts with strings as keys, lists, tuples, numbers, strings, bools, None, arrays.

    Returns:
      The JSON, with each array's name in its place, and the arrays by their names.

    Raises:
      TypeError: something in it is of another type.
    """
    arrays: dict[str, Numbers] = {}

    def packed(name, value):
        if value is None or type(value) in (bool, int, float, str):
            return value
        if type(value) in (list, tuple):
            return [packed(f"{name}.{i}", item) for i, item in enumerate(value)]
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return {"dict": {key: packed(f"{name}.{key}", item) for key, item in value.items()}}
        if isinstance(value, (jax.Array, np.ndarray, np.generic)):
            if name in arrays:
                raise ValueError(f"two arrays have the path {name}: rename one of the keys that have a dot inside")
            arrays[name] = _checked(numbers_of, name, value)
            return {"array": name}
        raise TypeError(f"{name} must be a dict, list, number, string or array, got {type(value).__name__}")

    return packed(name, value), arrays


def unpack(packed: Any, arrays: Mapping[str, Any]) -> Any:
    """What `pack` got, with lists in place of tuples and NumPy's arrays in place of JAX's."""
    if isinstance(packed, list):
        return [unpack(item, arrays) for item in packed]
    if not isinstance(packed, dict):
        return packed
    if "array" in packed:
        return arrays[packed["array"]]
    return {key: unpack(item, arrays) for key, item in packed["dict"].items()}


def require_layout(what: str, got: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Raise ValueError, naming every path that differs, unless what is there is what is wanted."""
    if found := list(differences(got, wanted)):
        raise ValueError(f"{what}: " + "; ".join(found))


def _is_empty(node):
    return not jax.tree.leaves(node)


def _checked(function, name, *arguments):
    """Its value, or its error with the path of the leaf."""
    try:
        return function(*arguments)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} {error}") from None
