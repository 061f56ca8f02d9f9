"""Arguments for a function of which only the signature is known: the first attempt of a ladder that it accepts."""

import inspect
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import one_line

Call = tuple[Any, ...]


class NoExampleError(Exception):
    """No arguments are known or could be guessed; the message says why."""


class Ints(NamedTuple):
    """Class numbers 0, 1 or 2, of the shape given."""

    shape: tuple[int, ...]


Described = int | Ints | tuple[int, ...]  # a number, class numbers, or the shape of a normal float32 draw

# A row an attempt. Between the first and the last come rows of one shape for every argument.
_FIRST: list[list[Described]] = [
    [(5,)], [(4, 6)], [()], [(4, 4)], [(2, 4, 6)], [(2, 8, 8, 3)],
    [(4, 6), (6, 3)], [(4, 6), (6, 3), (3,)], [(4, 6), (6,)], [(4, 6), (6,), (6,)],
]  # fmt: skip
_SAME: list[Described] = [(4, 6), (5,), (4, 4), (2, 4, 6), (2, 4, 5, 6), ()]
_LAST: list[list[Described]] = [
    [(4, 6), Ints((4,))],
    [(4, 6), Ints(())],
    [(2, 7, 3), (3, 3, 5)],
    [(2, 7, 3), (3, 3, 5), (5,)],
]
_SIZES = (4, 6, 3, 5, 2)

# What is tried for an argument that is not differentiated by. A fraction comes first: 1 may be a special case.
_STATIC = (0.5, 2, -1, jnp.tanh, (2,), True, None)
_STATIC_NAMED = {"axis": (-1, 0), "axes": ((-1,), (0,)), "dim": (-1, 0), "axis_name": (None,)}
_STATIC_ANNOTATED = {int: (2, 1, -1, 0), float: (0.5,), bool: (True, False)}
_MOST_STATIC = 3  # arguments: their values are tried in every combination


def guess(f: Callable[..., Any], static: Sequence[int] = ()) -> Call:
    """Arguments with which f and its gradient can be traced; parameters with a default keep it.

    Args:
      f: any function.
      static: which of its arguments are not differentiated: numbers, axes and functions are tried for these.

    Raises:
      NoExampleError: no row of the ladder fits.
    """
    required = _required(f)
    sizes: dict[str, int] = {}
    fixed = {p.name: _static_values(p) for i, p in required if i in static}
    if len(fixed) > _MOST_STATIC:
        raise NoExampleError(f"parameters {', '.join(fixed)} cannot be guessed")
    hints = {p.name: _hinted(p.annotation, sizes) for _, p in required if p.name not in fixed}
    k, reason = len(hints), ""
    for row in [*_FIRST, *([shape] * k for shape in _SAME), *_LAST]:
        if len(row) != k:
            continue
        rng = np.random.default_rng(0)
        drawn = [_draw(d if hint is None else hint, rng) for d, hint in zip(row, hints.values(), strict=True)]
        for values in product(*fixed.values()):
            given = dict(zip([*hints, *fixed], [*drawn, *values], strict=True))
            call = tuple(given[p.name] for _, p in required)
            refusal, by_gradient = _refusal(f, call)
            if not refusal:
                return call
            if by_gradient or not reason:
                reason = f"{shown(call)} gives {refusal}"
    raise NoExampleError(f"no guess fits ({reason})")


def _static_values(parameter: inspect.Parameter) -> tuple[Any, ...]:
    """What is tried for an argument that is not differentiated by, by its name or its annotation."""
    return _STATIC_NAMED.get(parameter.name) or _STATIC_ANNOTATED.get(parameter.annotation, _STATIC)


def shown(call: Call) -> str:
    """Arguments as dtypes and shapes, functions by their names."""
    name = lambda a: a.__name__ if callable(a) else repr(a)
    return ", ".join(f"{a.dtype.name}{list(a.shape)}" if hasattr(a, "dtype") else name(a) for a in call)


def _required(f: Callable[..., Any]) -> list[tuple[int, inspect.Parameter]]:
    """The numbered parameters without a default; where one is not plain, the arguments cannot be guessed."""
    try:
        parameters = _parameters(f)
    except (TypeError, ValueError) as error:
        raise NoExampleError("there is no signature to guess them from") from error
    required = []
    for i, parameter in enumerate(parameters):
        if parameter.default is not parameter.empty or parameter.kind is parameter.VAR_KEYWORD:
            continue
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.KEYWORD_ONLY}:
            raise NoExampleError(f"parameter {parameter.name} cannot be guessed")
        required.append((i, parameter))
    if not required:
        raise NoExampleError("no parameter has to be given")
    return required


def _parameters(f: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(f, eval_str=True).parameters.values())
    except NameError:  # an annotation that exists for type checkers only
        return list(inspect.signature(f).parameters.values())


def _hinted(annotation: Any, sizes: dict[str, int]) -> Described | None:
    """What an annotation says of an argument: int, float, or a jaxtyping shape, whose names share their sizes."""
    if annotation in (int, float):
        return 2 if annotation is int else ()
    text = getattr(annotation, "dim_str", None)
    if not isinstance(text, str):
        return None
    shape = []
    for word in text.split():
        word = word.lstrip("#?").rpartition("=")[2]
        if word.isdigit():
            shape.append(int(word))
        elif word.isidentifier():
            shape.append(sizes.setdefault(word, _SIZES[len(sizes) % len(_SIZES)]))
        elif not word.startswith(("*", "...")):  # which may be no axes at all
            return None
    dtypes = getattr(annotation, "dtypes", ())
    return Ints(tuple(shape)) if "int32" in dtypes and "float32" not in dtypes else tuple(shape)


def _draw(described: Described, rng: np.random.Generator) -> Any:
    if isinstance(described, int):
        return described
    if isinstance(described, Ints):
        return jnp.asarray(rng.integers(0, 3, described.shape), jnp.int32)
    return jnp.asarray(rng.normal(size=described), jnp.float32)


def _refusal(f: Callable[..., Any], call: Call) -> tuple[str, bool]:
    """What the function or its gradient raises on these arguments, if anything; and whether it was the gradient."""
    floats = [i for i, a in enumerate(call) if is_floating(a)]

    def run(given: Sequence[Any]) -> list[Any]:
        full = list(call)
        for i, a in zip(floats, given, strict=True):
            full[i] = a
        return [leaf for leaf in jax.tree.leaves(f(*full)) if is_floating(leaf)]

    def gradient(given: Sequence[Any]) -> Any:
        outputs, vjp = jax.vjp(run, given)
        return vjp([jnp.ones_like(y) for y in outputs])

    given = [call[i] for i in floats]
    for by_gradient, g in ((False, run), (True, gradient)):
        try:
            if not jax.eval_shape(g, given):
                return "nothing floating-point", False
        except Exception as error:
            return one_line(error), by_gradient
    return "", False


def is_floating(a: Any) -> bool:
    """Whether a is a floating-point array."""
    return hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jnp.floating)
