"""The arguments of a call, taken apart: what is differentiated by, other arrays, and what is a part of the function."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Arrays = Sequence[Any]
Call = Callable[[Arrays, Arrays], list[Any]]
_ARRAYS = jax.Array, np.ndarray, np.generic


class Arguments(NamedTuple):
    """The arguments of a call, taken apart.

    Attributes:
      leaves, tree: all of them.
      names: of the leaves.
      given, rest: the places of floating-point or complex arrays, and of other arrays and keys.
    """

    leaves: list[Any]
    tree: Any
    names: list[str]
    given: list[int]
    rest: list[int]

    def floats(self) -> dict[str, np.ndarray]:
        """The floating-point arrays by name, in the dtypes that JAX gives them under the caller's setting of x64.

        Of a complex array ``z`` these are ``z.real`` and ``z.imag``.
        """
        return {
            self.names[i] + suffix: np.asarray(part, jax.dtypes.canonicalize_dtype(part.dtype))
            for i in self.given
            for suffix, part in zip(_suffixes(self.leaves[i]), _parts(self.leaves[i]), strict=True)
        }

    def ints(self) -> tuple[Any, ...]:
        """The other arrays, and the keys."""
        return tuple(self.leaves[i] for i in self.rest)

    def calling(self, g: Callable[..., Any], split: bool = True) -> Call:
        """g as a function of flat lists, real and imaginary parts apart; what is not an array is a part of it.

        The cotangents of the parts are those that JAX's convention for complex numbers gives. Results come in parts too,
        if they are split.
        """

        def call(floats: Arrays, ints: Arrays) -> list[Any]:
            full, parts = list(self.leaves), iter(floats)
            for i in self.given:
                full[i] = _joined([next(parts) for _ in _suffixes(self.leaves[i])])
            for i, value in zip(self.rest, ints, strict=True):
                full[i] = value
            out = jax.tree.leaves(g(*jax.tree.unflatten(self.tree, full)))
            return [part for a in out if is_inexact(a) for part in (_parts(a) if split else (a,))]

        return call


def _suffixes(a: Any) -> tuple[str, ...]:
    return (".real", ".imag") if jnp.iscomplexobj(a) else ("",)


def _parts(a: Any) -> tuple[Any, ...]:
    return (a.real, a.imag) if jnp.iscomplexobj(a) else (a,)


def _joined(parts: Arrays) -> Any:
    """The array that these are the parts of; no complex number has parts in half precision."""
    if len(parts) == 1:
        return parts[0]
    dtype = jnp.promote_types(parts[0].dtype, jnp.float32)
    return lax.complex(*(jnp.asarray(part, dtype) for part in parts))


def taken_apart(f: Callable[..., Any], args: tuple[Any, ...]) -> Arguments:
    """Take the arguments of ``f(*args)`` apart.

    Raises:
      TypeError: none of them is floating-point or complex.
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(args)
    names = names_of(f, [path for path, _ in leaves])
    leaves = [leaf for _, leaf in leaves]
    given = [i for i, leaf in enumerate(leaves) if is_inexact(leaf)]
    rest = [i for i, leaf in enumerate(leaves) if i not in given and _is_array(leaf)]
    if not given:
        came = ", ".join(map(_kind, leaves)) or "none"
        raise TypeError(f"args must have a floating-point or complex array to differentiate by, got {came}")
    return Arguments(leaves, tree, names, given, rest)


def _kind(leaf: Any) -> str:
    return described(leaf) if _is_array(leaf) else type(leaf).__name__


def names_of(f: Callable[..., Any], paths: Sequence[Any]) -> list[str]:
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


def left_out(f: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    """The parameters that keep their default in ``f(*args)``, which may hide code from a check: a mask, another axis.

    Those that `functools.partial` gives a value do not.
    """
    try:
        signature = inspect.signature(f)
        given = {*signature.bind_partial(*args).arguments, *getattr(inspect.unwrap(f), "keywords", ())}
    except (TypeError, ValueError):
        return []
    return [p.name for p in signature.parameters.values() if p.default is not p.empty and p.name not in given]


def described(leaf: Any) -> str:
    """A leaf in a few words, for messages."""
    return f"{leaf.dtype}{list(leaf.shape)}" if _is_array(leaf) else repr(leaf)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, _ARRAYS)


def is_inexact(leaf: Any) -> bool:
    """Whether a leaf is a floating-point or complex array."""
    return _is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.inexact)
