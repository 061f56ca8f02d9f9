"""What the library must know of a rule, as data: `rule(f, examples=…, saves=…, edges=…, bad=…, large=…)`.

Arguments and options go by the names that the rule's own signature gives them. The reference is found by its name,
``f_reference``, in the rule's module.
"""

import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ._arguments import Shape, draw_all, shape_of

OUTPUT = "the output"  # the first of several
PER_ROW = "a number for each row of the first argument"  # float32, or wider if the arguments are

ROWS, WIDTH = 2048, 512
SHAPE = (ROWS, WIDTH)  # an array that a layer of a real model has, for benchmarks
IMAGES = (16, 32, 32, 32)


class Numbers(NamedTuple):
    """What is saved: as many numbers of the first argument's dtype as the function of arguments and options says."""

    count: Callable[..., int]


Saved = str | np.dtype | Numbers | Callable[..., int]


class Call(NamedTuple):
    """A call by names: described arguments and options together."""

    arguments: dict[str, Any]


class Point(NamedTuple):
    """A point with declared values, by names: arguments and options, ``y``, and the cotangents, ``x_bar`` for x.

    What a rule gives for an argument ``y`` is ``x``.
    """

    declared: dict[str, Any]


class BadCall(NamedTuple):
    """A call that must raise."""

    error: type[Exception]
    message: str
    arguments: dict[str, Any]


def call(**arguments: Any) -> Call:
    """An example: ``call(x=(3, 5), w=(5, 2))``."""
    return Call(arguments)


def at(**declared: Any) -> Point:
    """An edge: ``at(x=2.0, gate=0.0, y=0.0, x_bar=0.0, gate_bar=1.0)``, for an upstream cotangent of ones.

    A cotangent that is not named is not declared.
    """
    return Point(declared)


def bad(error: type[Exception], message: str, **arguments: Any) -> BadCall:
    """A call that must raise this error, with a message that this pattern is found in."""
    return BadCall(error, message, arguments)


def per_output(dtype: str) -> np.dtype:
    """What is saved: an array of that dtype, of the output's shape."""
    return np.dtype(dtype)


ELEMENTWISE = [call(x=shape) for shape in [(), (1,), (7,), (3, 5), (2, 1, 3), (0, 3)]]
AXES = [
    *[call(x=(5,), axis=-1), call(x=(3, 5), axis=0), call(x=(2, 3, 7), axis=1), call(x=(2, 3, 5), axis=(0, 2))],
    *[call(x=(3, 1), axis=-1), call(x=(0, 3), axis=-1), call(x=(3, 0), axis=-1)],
]
BINS = [
    *[call(x=(2, 5, 3), sizes=3), call(x=(2, 3, 4, 2), sizes=(1, 3)), call(x=(1, 7, 2, 3), sizes=3)],
    *[call(x=(1, 3, 2, 4, 2), sizes=(2, 2, 1)), call(x=(0, 5, 3), sizes=2), call(x=(2, 9, 1), sizes=9)],
]


class Example(NamedTuple):
    """The arguments of one call, in order: descriptions of arrays, then the options."""

    args: tuple[Any, ...]
    options: dict[str, Any]

    @property
    def shapes(self) -> tuple[Shape | None, ...]:
        """The shape of each argument; None for one left out."""
        return tuple(map(shape_of, self.args))


class Edge(NamedTuple):
    """A point: the arguments, y there, and each argument's cotangent for a cotangent of ones; None is not declared."""

    args: tuple[Any, ...]
    y: Any
    bars: tuple[Any, ...]
    options: dict[str, Any]


class Refusal(NamedTuple):
    """A call that raises: the arguments in order, and what is raised."""

    args: tuple[Any, ...]
    options: dict[str, Any]
    error: type[Exception]
    message: str


class Entry(NamedTuple):
    """One rule.

    Attributes:
      rule: the function with the hand-written rule.
      reference: the same function by another formulation, without a rule.
      examples: calls over ranks, odd sizes and options.
      edges: the declared values at kinks, infinities and the like.
      bad: calls that must raise.
      large: a call with arrays of the size that a layer of a real model has.
      saves: what the backward pass keeps: an argument's name, `OUTPUT`, `PER_ROW`, `per_output` of a dtype, `Numbers`, or a
        function of arguments and options that says how many numbers, of float32 or wider.
      batched: the places of the arguments that have a leading axis of examples, where they have an axis at all.
      surrogate: whether the backward pass is meant to differ from the function's derivative: the reference then has the
        function's value, and by `jax.lax.stop_gradient` the gradient that is meant.
      linear: whether the backward pass is linear in its cotangent, as that of every derivative is.
      wide: whether the value of half precision is in float32.
    """

    rule: Callable[..., Any]
    reference: Callable[..., Any]
    examples: Sequence[Example]
    edges: Sequence[Edge]
    bad: Sequence[Refusal]
    large: Example
    saves: Sequence[Saved]
    batched: tuple[int, ...]
    surrogate: bool
    linear: bool
    wide: bool

    @property
    def name(self) -> str:
        return self.rule.__name__

    @property
    def typical(self) -> Example:
        """The first example with rows."""
        return next(e for e in self.examples if len(e.shapes[0] or ()) > 1)

    def bind(self, options: dict[str, Any], reference: bool = False) -> Callable[..., Any]:
        """The rule (or its reference) as a function of its arrays alone, which gives the results that are floating."""
        f = self.reference if reference else self.rule
        if isinstance(self.rule, jax.custom_vjp):
            return lambda *args: _floating(f(*args, **options))
        names = array_names(self.rule)
        return lambda *args: _floating(f(**dict(zip(names, args, strict=False)), **options))


def rule(
    f: Callable[..., Any],
    *,
    examples: Sequence[Call],
    saves: Sequence[Saved],
    batched: Sequence[str] = (),
    edges: Sequence[Point] = (),
    bad: Sequence[BadCall] = (),
    large: Call | None = None,
    surrogate: bool = False,
    linear: bool = True,
    wide: bool = False,
) -> Entry:
    """An entry of the catalogue; see `Entry`.

    Raises:
      TypeError: a name is not one of the rule's, or the rule's page has no reference.
    """
    names = array_names(f)
    if not {*batched} <= {*names}:
        raise TypeError(f"{f.__name__}: batched must be arguments of {names}, got {list(batched)}")
    unknown = [what for what in saves if isinstance(what, str) and what not in {*names, OUTPUT, PER_ROW}]
    if unknown:
        allowed = f"one of {names}, OUTPUT, PER_ROW, per_output(dtype) or a function"
        raise TypeError(f"{f.__name__}: what it saves must be {allowed}, got {', '.join(map(repr, unknown))}")
    return Entry(
        f,
        _reference(f),
        [Example(*_in_order(f, example.arguments)) for example in examples],
        [_edge(f, point.declared) for point in edges],
        [Refusal(*_in_order(f, one.arguments), one.error, one.message) for one in bad],
        Example(*_in_order(f, (large or call(x=SHAPE)).arguments)),
        saves,
        tuple(map(names.index, batched)) or (0,),
        surrogate,
        linear,
        wide,
    )


def behind(f: Callable[..., Any]) -> Any:
    """The `custom_vjp` behind a public rule: the rule itself, or `_rope` for `rope`, a function with options by name.

    None for any other function.
    """
    if isinstance(f, jax.custom_vjp):
        return f
    module = sys.modules.get(getattr(f, "__module__", None) or "")
    hidden = getattr(module, f"_{getattr(f, '__name__', '')}", None)
    return hidden if isinstance(hidden, jax.custom_vjp) else None


def _floating(y: Any) -> Any:
    """An array as it is; of several those that are floating, since no other has a cotangent."""
    if hasattr(y, "dtype"):
        return y
    return tuple(a for a in jax.tree.leaves(y) if jnp.issubdtype(a.dtype, jnp.floating))


def array_names(f: Callable[..., Any]) -> list[str]:
    """The names of a rule's arrays, in order; its other parameters are options.

    Of a function with options by name, the arrays are what is annotated as an ``Array``.
    """
    parameters = inspect.signature(f).parameters.values()
    if isinstance(f, jax.custom_vjp):
        return [p.name for i, p in enumerate(parameters) if i not in f.nondiff_argnums]
    return [p.name for p in parameters if jax.Array in (p.annotation, *get_args(p.annotation))]


def _reference(f):
    reference = getattr(sys.modules[f.__module__], f"{f.__name__}_reference", None)
    if reference is None:
        raise TypeError(f"{f.__module__.replace('.', '/')}.py has no {f.__name__}_reference")
    return reference


def _in_order(f, arguments):
    """The arrays up to the last one named, and the options."""
    names = array_names(f)
    unknown = [name for name in arguments if name not in inspect.signature(f).parameters]
    if unknown:
        raise TypeError(f"{f.__name__} has no argument {', '.join(unknown)}")
    count = max((i + 1 for i, name in enumerate(names) if name in arguments), default=0)
    args = tuple(arguments.get(name) for name in names[:count])
    return args, {name: value for name, value in arguments.items() if name not in names}


def _edge(f, declared):
    bars = {name: value for name, value in declared.items() if name.endswith("_bar")}
    result = "x" if "y" in array_names(f) else "y"
    args, options = _in_order(f, {name: value for name, value in declared.items() if name not in {result, *bars}})
    wrong = {name.removesuffix("_bar") for name in bars} - set(array_names(f)[: len(args)])
    if wrong:
        raise TypeError(f"{f.__name__}: an edge declares cotangents of {', '.join(sorted(wrong))}, not arguments of it")
    return Edge(args, declared[result], tuple(bars.get(f"{name}_bar") for name in array_names(f)[: len(args)]), options)


def draw(example: Example, seed: int, dtype: Any = jnp.float32) -> tuple[Any, ...]:
    """The arrays of an example, of the floating dtype given."""
    return draw_all(example.args, seed, dtype)


def residual_bytes(entry: Entry, args: Sequence[Any], y: jax.Array, options: dict[str, Any]) -> int:
    """How many bytes the rule declares to save for these arguments."""
    named = dict(zip(array_names(entry.rule), args, strict=False)) | {OUTPUT: jax.tree.leaves(y)[0]}
    number = max(4, *(a.dtype.itemsize for a in args if a is not None and jnp.issubdtype(a.dtype, jnp.floating)))
    total = 0
    for what in entry.saves:
        if isinstance(what, np.dtype):
            total += y.size * what.itemsize
        elif isinstance(what, Numbers):
            total += args[0].dtype.itemsize * what.count(*args, **options)
        elif callable(what):
            total += number * what(*args, **options)
        elif what == PER_ROW:
            total += number * int(np.prod(args[0].shape[:-1]))
        else:
            a = named.get(what)
            total += 0 if a is None else a.size * a.dtype.itemsize
    return total
