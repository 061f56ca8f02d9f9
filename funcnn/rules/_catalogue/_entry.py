"""What the library must know of a rule, as data, and how the arrays that it describes are drawn.

An argument is described, not stored: a shape stands for a normal draw, `Uniform`, `Signs`, `Simplex`, `Classes` and `Key`
for what their names say, None for an argument left out. `draw` makes the arrays.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

inf, nan = float("inf"), float("nan")


class Uniform(NamedTuple):
    """Numbers from ``low`` to ``high``, of the shape given."""

    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0


class Signs(NamedTuple):
    """Numbers that are -1 or 1, of the shape given."""

    shape: tuple[int, ...]


class Simplex(NamedTuple):
    """Non-negative entries that sum to 1 over the last axis, of the shape given."""

    shape: tuple[int, ...]


class Classes(NamedTuple):
    """Whole numbers 0 … classes - 1, of the shape given."""

    shape: tuple[int, ...]
    classes: int


class Key(NamedTuple):
    """A key of `jax.random`."""

    shape: tuple[int, ...] = ()


class Example(NamedTuple):
    """The arguments of one call: descriptions of arrays, then the options."""

    args: tuple[Any, ...]
    options: dict[str, Any] = {}  # noqa: RUF012 - shared by all that have none, and only read

    @property
    def shapes(self) -> tuple[tuple[int, ...] | None, ...]:
        """The shape of each argument; None for one left out."""
        return tuple(getattr(a, "shape", a) for a in self.args)


class Edge(NamedTuple):
    """A point with declared values: the arguments, y there, and each argument's cotangent for a cotangent y_bar of ones.

    None in ``bars`` declares nothing for that argument.
    """

    args: tuple[Any, ...]
    y: Any
    bars: tuple[Any, ...]
    options: dict[str, Any] = {}  # noqa: RUF012 - shared by all that have none, and only read


class Entry(NamedTuple):
    """One rule.

    Attributes:
      rule: the function with the hand-written rule.
      reference: the same function by another formulation, without a rule.
      examples: calls over ranks, odd sizes and options.
      edges: the declared values at kinks, infinities and the like.
      saved: what the backward pass keeps: the index of an argument, ``"y"`` for the output, ``"row"`` for one number
        (float32 or wider) a row of the first argument, a dtype for an array of it that has the output's shape, or a
        function of arguments and options that says how many numbers.
      batched: how many of the first arguments have a leading axis of examples, where they have an axis at all.
      surrogate: whether the backward pass is meant to differ from the function's derivative: the reference then has the
        function's value, and by `jax.lax.stop_gradient` the gradient that is meant.
      linear: whether the backward pass is linear in its cotangent, as that of every derivative is.
    """

    rule: Callable[..., Any]
    reference: Callable[..., Any]
    examples: Sequence[Example]
    edges: Sequence[Edge]
    saved: Sequence[int | str | np.dtype | Callable[..., int]]
    batched: int = 1
    surrogate: bool = False
    linear: bool = True

    @property
    def name(self) -> str:
        return self.rule.__name__

    @property
    def typical(self) -> Example:
        """The first example with rows."""
        return next(e for e in self.examples if len(e.shapes[0] or ()) > 1)

    def bind(self, options, reference: bool = False) -> Callable[..., Any]:
        """The rule (or its reference) as a function of its arrays alone."""
        f = self.reference if reference else self.rule
        return lambda *args: f(*args, **options)


def draw(example: Example, seed: int, dtype=jnp.float32) -> tuple[Any, ...]:
    """The arrays of an example, of the floating dtype given; drawn by NumPy, which has nothing to compile."""
    rng = np.random.default_rng(seed)
    return tuple(_draw(described, rng, dtype) for described in example.args)


def _draw(described, rng, dtype):
    match described:
        case None:
            return None
        case Uniform(shape, low, high):
            return jnp.asarray(rng.uniform(low, high, shape), dtype)
        case Signs(shape):
            return jnp.asarray(rng.choice([-1.0, 1.0], shape), dtype)
        case Simplex(shape):
            weights = rng.gamma(1.0, size=shape)
            return jnp.asarray(weights / weights.sum(-1, keepdims=True), dtype)
        case Classes(shape, classes):
            return jnp.asarray(rng.integers(0, classes, shape), jnp.int32)
        case Key():
            return jax.random.key(rng.integers(2**31))
        case shape:
            return jnp.asarray(rng.normal(size=shape), dtype)


def residual_bytes(entry: Entry, args: Sequence[Any], y: jax.Array, options: dict[str, Any]) -> int:
    """How many bytes the rule declares to save for these arguments."""
    number = max(4, *(a.dtype.itemsize for a in args if a is not None and jnp.issubdtype(a.dtype, jnp.floating)))
    total = 0
    for what in entry.saved:
        if isinstance(what, np.dtype):
            total += y.size * what.itemsize
        elif callable(what):
            total += number * what(*args, **options)
        elif what == "row":
            total += number * int(np.prod(args[0].shape[:-1]))
        else:
            a = args[what] if isinstance(what, int) else y
            total += 0 if a is None else a.size * a.dtype.itemsize
    return total


ELEMENTWISE = [Example((shape,)) for shape in [(), (1,), (7,), (3, 5), (2, 1, 3), (0, 3)]]
AXES = [
    Example((shape,), {"axis": axis})
    for shape, axis in (
        ((5,), -1),
        ((3, 5), 0),
        ((2, 3, 7), 1),
        ((2, 3, 5), (0, 2)),
        ((3, 1), -1),
        ((0, 3), -1),
        ((3, 0), -1),
    )
]
