"""The arguments of a call, taken apart: what is differentiated by, other arrays, and what is a part of the function."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Arrays = Sequence[Any]
Call = Callable[[Arrays, Arrays], list[Any]]
_ARRAYS = jax.Array, np.ndarray, np.generic


class Arguments(NamedTuple):
    """The arguments of a call, taken apart.

    Attributes:
      leaves, tree: all of them.
      names: of the leaves.
      floats, ints: the places of floating-point arrays, and of other arrays and keys.
    """

    leaves: list[Any]
    tree: Any
    names: list[str]
    floats: list[int]
    ints: list[int]

    def calling(self, g: Callable[..., Any]) -> Call:
        """g as a function of flat lists; what is not an array is a part of it."""

        def call(floats: Arrays, ints: Arrays) -> list[Any]:
            full = list(self.leaves)
            for places, values in ((self.floats, floats), (self.ints, ints)):
                for i, value in zip(places, values, strict=True):
                    full[i] = value
            out = jax.tree.leaves(g(*jax.tree.unflatten(self.tree, full)))
            return [a for a in out if is_floating(a)]

        return call


def taken_apart(f: Callable[..., Any], args: tuple[Any, ...]) -> Arguments:
    """Take the arguments of ``f(*args)`` apart.

    Raises:
      TypeError: none of them is floating-point.
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(args)
    names = _names(f, [path for path, _ in leaves])
    leaves = [leaf for _, leaf in leaves]
    floats = [i for i, leaf in enumerate(leaves) if is_floating(leaf)]
    ints = [i for i, leaf in enumerate(leaves) if i not in floats and _is_array(leaf)]
    if not floats:
        came = ", ".join(type(leaf).__name__ for leaf in leaves) or "none"
        raise TypeError(f"args must have a floating-point array to differentiate by, got {came}")
    return Arguments(leaves, tree, names, floats, ints)


def _names(f: Callable[..., Any], paths: Sequence[Any]) -> list[str]:
    """Each leaf's name: the parameter of f that it belongs to, and its path inside."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = []
    for path in paths:
        i = path[0].idx
        named = i < len(parameters) and parameters[i].kind not in {inspect.Parameter.VAR_POSITIONAL}
        names.append((parameters[i].name if named else f"args[{i}]") + jax.tree_util.keystr(path[1:]))
    return names


def is_floating(leaf: object) -> bool:
    """Whether a leaf is a floating-point array."""
    return isinstance(leaf, _ARRAYS) and jnp.issubdtype(leaf.dtype, jnp.floating)


def described(leaf: Any) -> str:
    """A leaf in a few words, for messages."""
    return f"{leaf.dtype}{list(leaf.shape)}" if _is_array(leaf) else repr(leaf)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, _ARRAYS)
