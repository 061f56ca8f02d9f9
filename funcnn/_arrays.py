"""Arrays of other libraries as NumPy's."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from itertools import chain, repeat
from typing import Any, ParamSpec, TypeVar

import jax
import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


def as_arrays(name: str, tree: Any) -> Any:
    """The tree, with every array that NumPy can convert converted: pandas', PyTorch's. JAX's, NumPy's and numbers stay.

    Raises:
      TypeError: a leaf is none of these, or a list holds nothing but numbers. The message has the leaf's place, its type
        and what converts it, never its content.
    """

    def convert(path, a):
        place = name + jax.tree_util.keystr(path)
        a = _as_array(place, a)
        if not _is_array(a):
            raise TypeError(f"{place} must be an array, got {type(a).__name__}: convert it with numpy.asarray")
        return a

    return jax.tree_util.tree_map_with_path(convert, tree, is_leaf=_is_list_of_numbers)


def of_arrays(f: Callable[P, R], name: str = "") -> Callable[P, R]:
    """The function, which gets what NumPy can convert among its arguments converted, and anything else as it came.

    An error begins with the name: by default the function's, or that of the function in which it is defined.

    Raises:
      TypeError: an argument is a sparse matrix.
    """
    name, names = name or f.__qualname__.partition(".")[0], list(inspect.signature(f).parameters)
    call: Callable[..., R] = f

    @wraps(f)
    def on_arrays(*args: P.args, **kwargs: P.kwargs) -> R:
        named = [*zip(chain(names, repeat("argument")), args, strict=False), *kwargs.items()]  # names have no end
        with _under(name):
            converted = [jax.tree.map(partial(_as_array, argument), a) for argument, a in named]
            return call(*converted[: len(args)], **dict(zip(kwargs, converted[len(args) :], strict=True)))

    return on_arrays


@contextmanager
def _under(name: str) -> Iterator[None]:
    """Put the name in front of what is raised, where it does not stand: ``ctc: labels must …``."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if type(error) in (TypeError, ValueError) and not str(error).startswith(name):
            error.args = (f"{name}: {error}",)
        raise


def _as_array(place: str, a: Any) -> Any:
    """The array that NumPy makes of one of another library; anything else as it came."""
    if hasattr(a, "toarray"):
        raise TypeError(f"{place} must be a dense array, got {type(a).__name__}: convert it with .toarray()")
    return np.asarray(a) if hasattr(a, "__array__") and not _is_array(a) else a


def _is_array(a: Any) -> bool:
    return isinstance(a, (jax.Array, np.ndarray, np.generic, int, float)) or hasattr(a, "__jax_array__")


def _is_list_of_numbers(a: Any) -> bool:
    return isinstance(a, list) and all(isinstance(leaf, (int, float, np.generic)) for leaf in jax.tree.leaves(a))
