"""Arrays by the dotted paths of the leaves that they are."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .._core import PyTree
from .._paths import dotted

NO_REASONS: Mapping[str, str] = {}


def by_path(what: str, tree: PyTree) -> dict[str, Any]:
    """The tree's leaves by their paths.

    Raises:
      ValueError: two leaves have one path.
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = {dotted(path): leaf for path, leaf in leaves}
    if len(named) < len(leaves):
        paths = [dotted(path) for path, _ in leaves]
        twice = sorted({path for path in paths if paths.count(path) > 1})
        raise ValueError(f"{what}: each leaf must have a path of its own, got several at {', '.join(twice)}")
    return named


def filled(
    what: str,
    like: PyTree,
    arrays: Mapping[str, Any],
    *,
    cast: bool,
    reasons: Mapping[str, str] = NO_REASONS,
    problems: Sequence[str] = (),
) -> PyTree:
    """A tree such as like, of the arrays at its paths.

    Args:
      what: the function that is called, for the error.
      like: arrays or `jax.ShapeDtypeStruct`.
      arrays: by path.
      cast: whether arrays get the dtypes of like; otherwise they must have them.
      reasons: why there is no array, by path.
      problems: what else is wrong.

    Raises:
      ValueError: there are problems, or an array is missing, left over, or of another shape or dtype. All are named.
    """
    wanted = by_path(what, like)
    missing = [f"{path} is missing{reasons.get(path, '')}" for path in wanted if path not in arrays]
    left_over = [f"{path} is left over" for path in arrays if path not in wanted]
    unfit = [
        f"{path} must be {_shown(leaf, cast)}, got {_shown(arrays[path], cast)}"
        for path, leaf in wanted.items()
        if path in arrays and _shown(arrays[path], cast) != _shown(leaf, cast)
    ]
    if wrong := [*missing, *left_over, *unfit, *problems]:
        raise ValueError(f"{what}: " + "; ".join(wrong))
    return jax.tree.map(lambda path, leaf: jnp.asarray(arrays[path], leaf.dtype), _paths_of(like), like)


def _paths_of(tree):
    return jax.tree_util.tree_map_with_path(lambda path, _: dotted(path), tree)


def _shown(a, cast):
    return f"{list(a.shape)}" if cast else f"{a.dtype}{list(a.shape)}"
