"""Whether a tree of arrays is such as is expected, and where it is not."""

from collections.abc import Iterator, Mapping

import jax

from .._core import PyTree
from .._paths import dotted


def require_alike(what: str, tree: PyTree, expected: PyTree) -> None:
    """Raise ValueError, naming every leaf that differs, unless structure, shapes and dtypes are those expected."""
    import chex  # here, because importing this library should not wait for it

    tree, expected = jax.eval_shape(lambda: (tree, expected))
    try:
        chex.assert_trees_all_equal_shapes_and_dtypes(tree, expected)
    except AssertionError:
        found = list(differences(described(tree), described(expected))) or [_containers(tree, expected)]
        raise ValueError(f"{what}: " + "; ".join(found)) from None


def differences(got: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[str]:
    """What is at each path where it is not what is wanted there."""
    for path in {**wanted, **got}:
        if got.get(path) != wanted.get(path):
            yield f"{path} must be {wanted.get(path, 'absent')}, got {got.get(path, 'nothing')}"


def described(tree: PyTree) -> dict[str, str]:
    """Each leaf's dtype and shape by its path: ``{"body.w": "float32[3, 8]"}``."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {dotted(path): _described(leaf) for path, leaf in leaves}


def _described(leaf) -> str:
    return f"{leaf.dtype}{list(leaf.shape)}" if hasattr(leaf, "dtype") else type(leaf).__name__


def _containers(tree, expected) -> str:
    return f"its containers must be {jax.tree.structure(expected)}, got {jax.tree.structure(tree)}"
