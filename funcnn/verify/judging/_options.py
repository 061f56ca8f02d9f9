"""A call's options, Python's own numbers and words and arguments that may be left out, with other values for each."""

import cmath
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from ._arguments import is_inexact, names_of

_WORDS = ("mean", "sum", "none"), ("SAME", "VALID"), ("left", "right"), ("lower", "upper")


class Option(NamedTuple):
    """One argument, or a leaf of one, that is no array, or may be none.

    Attributes:
      name: as reports have it.
      place: among the leaves, None being one.
      others: other values, the likeliest to be taken first.
      absent: whether the value or the others are None.
    """

    name: str
    place: int
    others: tuple[Any, ...]
    absent: bool = False


class Options:
    """The options of a call.

    Attributes:
      every: of them.
    """

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], outputs: Sequence[Any], rng: np.random.Generator):
        paths, self._tree = jax.tree_util.tree_flatten_with_path(args, is_leaf=lambda leaf: leaf is None)
        self._leaves = [leaf for _, leaf in paths]
        names = names_of(f, [path for path, _ in paths])
        top = [len(path) == 1 for path, _ in paths]
        shapes = _likely_shapes([a for a in self._leaves if is_inexact(a)], outputs)
        columns = enumerate(zip(names, self._leaves, top, strict=True))
        made = (Option(name, i, *_others(leaf, alone, shapes, rng)) for i, (name, leaf, alone) in columns)
        self.every = tuple(option for option in made if option.others)

    def changed(self, values: dict[int, Any]) -> tuple[Any, ...]:
        """The arguments, with other values in these places."""
        return jax.tree.unflatten(self._tree, [values.get(i, leaf) for i, leaf in enumerate(self._leaves)])


def _others(
    leaf: Any, alone: bool, shapes: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[tuple[Any, ...], bool]:
    """Other values for a leaf, which may be an argument alone; and whether that is about None.

    A whole number counts up, so that an iteration takes more steps rather than fewer, and -1 becomes another axis.
    """
    if isinstance(leaf, bool):
        return (not leaf,), False
    if isinstance(leaf, (float, complex)):
        return ((0.6 * leaf, 1.5 * leaf) if leaf else (0.3,)) if cmath.isfinite(leaf) else (), False
    if isinstance(leaf, int) and alone:
        return ((leaf - 1, leaf + 1) if leaf < 0 else (leaf + 1, 2 * leaf, leaf - 1) if leaf else (1,)), False
    if isinstance(leaf, str):
        return tuple(word for words in _WORDS if leaf in words for word in words if word != leaf), False
    if leaf is None and alone:
        return tuple(rng.normal(size=a.shape).astype(a.dtype) for a in shapes), True
    return ((None,), True) if alone and is_inexact(leaf) else ((), False)


def _likely_shapes(floats: Sequence[Any], outputs: Sequence[Any]) -> list[Any]:
    """Shapes, as structures, that an argument left out might have: a number for each feature first."""
    dtype = floats[0].dtype
    shapes = [shape for y in outputs for shape in (y.shape[-1:], y.shape)] + [a.shape for a in floats]
    return [jax.ShapeDtypeStruct(shape, dtype) for shape in dict.fromkeys(shapes)]


def described(option: Option, value: Any) -> str:
    """An option with a value, in a few words."""
    shown = (
        f"an array {list(value.shape)}" if is_inexact(value) else f"{value:g}" if isinstance(value, float) else value
    )
    return f"{option.name} = {shown}"
