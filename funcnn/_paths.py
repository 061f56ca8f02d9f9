"""The paths of a tree's leaves, such as ``body.1.w``, and the leaves that a pattern names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import jax

PyTree = Any


@dataclass(frozen=True)
class Paths:
    """What `paths` returns: a function from a pytree to a pytree of bools of the same structure, and ``~`` of it."""

    globs: tuple[str, ...]
    inverted: bool = False

    def __call__(self, params: PyTree) -> PyTree:
        return jax.tree_util.tree_map_with_path(lambda path, _: self.names(dotted(path)), params)

    def __invert__(self) -> "Paths":
        return replace(self, inverted=not self.inverted)

    def names(self, path: str) -> bool:
        """Whether a dotted path is one of these."""
        return any(_matches(path.split("."), glob.split(".")) for glob in self.globs) != self.inverted


def paths(*globs: str) -> Paths:
    """A function ``params -> tree of bools``: whether each leaf's path is one of these, as optax's masks want it.

    Args:
      *globs: dotted paths. ``*`` is any one part, or any piece of one; ``**`` is any number of parts, also none.

    Returns:
      The function, of any pytree; ``~`` gives the one that names all other leaves.

    Raises:
      TypeError: a glob is not a string.

    Example:
      >>> model = serial(body=linear(2), norm=batch_norm())
      >>> params = model.init(jax.random.key(0), jnp.ones((4, 3)))
      >>> paths("**.b", "norm.*")(params)["body"]
      {'b': True, 'w': False}
      >>> learned = ~paths("**.mean", "**.variance", "**.scale", "**.shift", "**.b")
      >>> optimizer = optax.adamw(1e-3, weight_decay=0.1, mask=learned)  # of the weights alone
    """
    for glob in globs:
        if not isinstance(glob, str):
            raise TypeError(f"paths: a glob must be a string such as '**.b', got {glob!r}")
    return Paths(globs)


def dotted(path: Any) -> str:
    """A path of `jax.tree_util` with a dot between its parts: ``body.1.w``."""
    return jax.tree_util.keystr(path, simple=True, separator=".")


def _matches(path: Sequence[str], glob: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a glob."""
    if not glob:
        return not path
    first, *rest = glob
    if first == "**":
        return any(_matches(path[i:], rest) for i in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], first) and _matches(path[1:], rest)
