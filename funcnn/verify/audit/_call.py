"""A call of a custom rule, taken apart: what is differentiated by, other arrays, and everything else."""

import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..._intercept import Rule, intercept


@dataclass(frozen=True)
class Call:
    """A call of a rule, taken apart.

    Attributes:
      rule: what is called.
      leaves, tree: its arguments, in order and without names.
      given: the places of the arrays to differentiate by.
      rest: the places of its other arrays. What is not an array is a part of the function.
      names: of the arrays given.
      arguments: the numbers of the arguments that are not nondiff_argnums.
    """

    rule: Rule
    leaves: list[Any]
    tree: Any
    given: list[int]
    rest: list[int]
    names: tuple[str, ...]
    arguments: tuple[int, ...]

    def of(self, g: Callable[..., Any], rest: Sequence[Any]) -> Callable[[Sequence[Any]], Any]:
        """``g``, which is called as the rule is, as a function of the arrays given. It is not intercepted."""

        def bound(given: Sequence[Any]) -> Any:
            full = list(self.leaves)
            for i, a in zip([*self.given, *self.rest], [*given, *rest], strict=True):
                full[i] = a
            with intercept(None):
                return g(*jax.tree.unflatten(self.tree, full))

        return bound

    def values(self, given: Sequence[Any], rest: Sequence[Any]) -> dict[int, Any]:
        """The arrays by their places."""
        return dict(zip([*self.given, *self.rest], [*given, *rest], strict=True))

    def narrowed(self, names: Collection[str]) -> "Call":
        """The same call, differentiated by some of its arrays only."""
        held = [i for i, name in zip(self.given, self.names, strict=True) if name not in names]
        given = [i for i in self.given if i not in held]
        return replace(self, given=given, rest=[*self.rest, *held], names=tuple(n for n in self.names if n in names))


def take_apart(rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """The call ``rule(*args, **kwargs)``."""
    if kwargs:
        bound = inspect.signature(rule.__wrapped__).bind(*args, **kwargs)
        bound.apply_defaults()
        args = bound.args
    fixed = getattr(rule, "nondiff_argnums", ())
    leaves, tree = jax.tree_util.tree_flatten_with_path(args)
    given, rest = [], []
    for i, (path, leaf) in enumerate(leaves):
        if path[0].idx not in fixed and is_inexact(leaf):
            given.append(i)
        elif isinstance(leaf, (jax.Array, np.ndarray)) and not (path[0].idx in fixed and _is_known(rule, leaf)):
            rest.append(i)
    names = tuple("args" + jax.tree_util.keystr(leaves[i][0]) for i in given)
    arguments = tuple(i for i in range(len(args)) if i not in fixed)
    return Call(rule, [leaf for _, leaf in leaves], tree, given, rest, names, arguments)


def _is_known(rule: Rule, leaf: Any) -> bool:
    """Whether an array among nondiff_argnums must stay as it is; those of a custom_jvp may be traced."""
    return isinstance(rule, jax.custom_vjp) or isinstance(leaf, np.ndarray)


def is_inexact(a: Any) -> bool:
    """Whether a is an array of floating-point or complex numbers."""
    return hasattr(a, "shape") and hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jnp.inexact)


def inexact(tree: Any) -> list[Any]:
    """The arrays of floating-point or complex numbers in a tree."""
    return [leaf for leaf in jax.tree.leaves(tree) if is_inexact(leaf)]
