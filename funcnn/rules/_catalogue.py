"""Every rule with all that the rest of the library must know of it, as data: tests, verify, benchmarks and docs loop here.

An argument is described, not stored: a shape stands for a normal draw, `Classes` for class numbers, `Simplex` for
distributions, None for an argument left out. `draw` makes the arrays.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from . import _activations, _convolution, _linear, _losses, _softmax

inf, nan = float("inf"), float("nan")


class Classes(NamedTuple):
    """Class numbers 0 … classes - 1, of the shape given."""

    shape: tuple[int, ...]
    classes: int


class Simplex(NamedTuple):
    """Non-negative entries that sum to 1 over the last axis, of the shape given."""

    shape: tuple[int, ...]


class Example(NamedTuple):
    """The arguments of one call: descriptions of arrays, then the options."""

    args: tuple[Any, ...]
    options: dict[str, Any] = {}


class Edge(NamedTuple):
    """A point with declared values: the arguments, y there, and each argument's cotangent for a cotangent y_bar of ones.

    None in ``bars`` declares nothing for that argument.
    """

    args: tuple[Any, ...]
    y: Any
    bars: tuple[Any, ...]
    options: dict[str, Any] = {}


class Entry(NamedTuple):
    """One rule.

    Attributes:
      rule: the function with the hand-written rule.
      reference: the same function by another formulation, without a rule.
      examples: calls over ranks, odd sizes and options.
      edges: the declared values at kinks, infinities and the like.
      saved: what the backward pass keeps: the index of an argument, ``"y"`` for the output, ``"row"`` for one number
        (float32 or wider) a row of the first argument.
      batched: how many of the first arguments have a leading axis of examples, where they have an axis at all.
    """

    rule: Callable[..., Any]
    reference: Callable[..., Any]
    examples: Sequence[Example]
    edges: Sequence[Edge]
    saved: Sequence[int | str]
    batched: int = 1

    @property
    def name(self) -> str:
        return self.rule.__name__

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
        case Classes(shape, classes):
            return jnp.asarray(rng.integers(0, classes, shape), jnp.int32)
        case Simplex(shape):
            weights = rng.gamma(1.0, size=shape)
            return jnp.asarray(weights / weights.sum(-1, keepdims=True), dtype)
        case shape:
            return jnp.asarray(rng.normal(size=shape), dtype)


def residual_bytes(entry: Entry, args: Sequence[Any], y: jax.Array) -> int:
    """How many bytes the rule declares to save for these arguments."""
    total = 0
    for what in entry.saved:
        if what == "row":
            x = args[0]
            total += math.prod(x.shape[:-1]) * max(4, x.dtype.itemsize)
            continue
        a = args[what] if isinstance(what, int) else y
        total += 0 if a is None else a.size * a.dtype.itemsize
    return total


_ELEMENTWISE = [Example((shape,)) for shape in [(), (1,), (7,), (3, 5), (2, 1, 3), (0, 3)]]
_AXES = [Example((shape,), {"axis": axis}) for shape, axis in
         [((5,), -1), ((3, 5), 0), ((2, 3, 7), 1), ((2, 3, 5), (0, 2)), ((3, 1), -1), ((0, 3), -1), ((3, 0), -1)]]  # fmt: skip

_CATALOGUE = [
    Entry(
        _linear.linear, _linear.linear_reference,
        [Example(shapes) for shapes in [
            ((3, 5), (5, 2), (2,)), ((3, 5), (5, 2), (1, 2)), ((3, 5), (5, 2), None), ((5,), (5, 2), (2,)),
            ((5,), (5, 2), (1, 2)), ((2, 3, 5), (5, 7), (7,)), ((2, 1, 3, 2), (2, 1), (1, 1)), ((5, 5), (5, 5), (5,)),
            ((0, 3), (3, 2), (2,)), ((3, 0), (0, 2), (2,)), ((3, 2), (2, 0), (0,)),
        ]],
        [], saved=(0, 1, 2),
    ),
    Entry(
        _convolution.conv, _convolution.conv_reference,
        [
            Example(((2, 7, 3), (3, 3, 5), (5,))),
            Example(((2, 7, 3), (4, 3, 2), None), {"stride": 2, "padding": "VALID"}),
            Example(((2, 7, 5, 3), (1, 2, 3, 4), (4,)), {"stride": (2, 1)}),
            Example(((1, 8, 7, 4), (3, 2, 2, 6), (6,)), {"groups": 2, "padding": ((2, 0), (1, 3))}),
            Example(((3, 9, 9, 3), (2, 3, 1, 6), None), {"groups": 3, "dilation": (2, 3), "stride": 2}),
            Example(((2, 5, 5, 1), (1, 1, 1, 1), (1,)), {"stride": 3}),
            Example(((2, 4, 5, 3, 2), (2, 1, 2, 2, 3), (3,)), {"stride": (1, 2, 1), "dilation": (2, 1, 1)}),
            Example(((0, 5, 2), (3, 2, 3), (3,))),
        ],
        [], saved=(0, 1, 2),
    ),
    Entry(
        _activations.tanh, _activations.tanh_reference, _ELEMENTWISE,
        [Edge((0.0,), 0.0, (1.0,)), Edge((inf,), 1.0, (0.0,)), Edge((-inf,), -1.0, (0.0,)), Edge((1e30,), 1.0, (0.0,)),
         Edge((nan,), nan, (nan,))],
        saved=("y",),
    ),
    Entry(
        _activations.sigmoid, _activations.sigmoid_reference, _ELEMENTWISE,
        [Edge((0.0,), 0.5, (0.25,)), Edge((inf,), 1.0, (0.0,)), Edge((-inf,), 0.0, (0.0,)), Edge((nan,), nan, (nan,))],
        saved=("y",),
    ),
    Entry(
        _activations.softplus, _activations.softplus_reference, _ELEMENTWISE,
        [Edge((inf,), inf, (1.0,)), Edge((-inf,), 0.0, (0.0,)), Edge((1e30,), 1e30, (1.0,)), Edge((nan,), nan, (nan,))],
        saved=("y",),
    ),
    Entry(
        _activations.relu, _activations.relu_reference, _ELEMENTWISE,
        [Edge((0.0,), 0.0, (0.0,)), Edge((inf,), inf, (1.0,)), Edge((-inf,), 0.0, (0.0,)), Edge((nan,), nan, (0.0,))],
        saved=("y",),
    ),
    Entry(
        _activations.leaky_relu, _activations.leaky_relu_reference,
        [*_ELEMENTWISE, *(Example(((3, 5),), {"negative_slope": a}) for a in (0.2, 0.0, -1.0, 2.0))],
        [Edge((0.0,), 0.0, (0.01,)), Edge((inf,), inf, (1.0,)), Edge((-inf,), -inf, (0.01,)), Edge((nan,), nan, (0.01,)),
         Edge((0.0,), 0.0, (-1.0,), {"negative_slope": -1.0})],
        saved=("y",),
    ),
    Entry(
        _activations.gelu, _activations.gelu_reference,
        [Example(e.args, {"approximate": a}) for e in _ELEMENTWISE for a in (True, False)],
        [Edge((x,), y, (d,), {"approximate": a}) for a in (True, False) for x, y, d in
         [(0.0, 0.0, 0.5), (inf, inf, 1.0), (-inf, 0.0, 0.0), (1e30, 1e30, 1.0), (-1e30, 0.0, 0.0), (nan, nan, nan)]],
        saved=(0,),
    ),
    Entry(
        _activations.silu, _activations.silu_reference, _ELEMENTWISE,
        [Edge((0.0,), 0.0, (0.5,)), Edge((inf,), inf, (1.0,)), Edge((-inf,), 0.0, (0.0,)), Edge((-1e30,), 0.0, (0.0,)),
         Edge((nan,), nan, (nan,))],
        saved=(0,),
    ),
    Entry(
        _softmax.softmax, _softmax.softmax_reference, _AXES,
        [Edge(([0.0, 0.0],), [0.5, 0.5], ([0.0, 0.0],)), Edge(([1.0, -inf],), [1.0, 0.0], ([0.0, 0.0],)),
         Edge(([-inf, -inf],), [0.5, 0.5], ([0.0, 0.0],)), Edge(([inf, 3.0],), [1.0, 0.0], ([0.0, 0.0],)),
         Edge(([1e30, -1e30],), [1.0, 0.0], ([0.0, 0.0],))],
        saved=("y",),
    ),
    Entry(
        _softmax.log_softmax, _softmax.log_softmax_reference, _AXES,
        [Edge(([1.0, -inf],), [0.0, -inf], ([-1.0, 1.0],)), Edge(([1e30, -1e30],), [0.0, -2e30], ([-1.0, 1.0],)),
         Edge(([inf, 3.0],), [0.0, -inf], ([-1.0, 1.0],))],
        saved=("y",),
    ),
    Entry(
        _losses.squared_error, _losses.squared_error_reference,
        [Example((shape, shape)) for shape in [(), (7,), (3, 5), (2, 1, 3), (0, 3)]],
        [Edge((1.0, 1.0), 0.0, (0.0, 0.0)), Edge((inf, 0.0), inf, (inf, -inf))],
        saved=(0, 1), batched=2,
    ),
    Entry(
        _losses.softmax_cross_entropy, _losses.softmax_cross_entropy_reference,
        [
            *(Example((shape, Classes(shape[:-1], shape[-1]))) for shape in [(5,), (3, 5), (2, 3, 7), (4, 1), (0, 3)]),
            *(Example((shape, Simplex(shape))) for shape in [(5,), (3, 5), (2, 3, 7), (4, 1), (0, 3)]),
            Example(((3, 5), (3, 5))),
        ],
        [Edge(([1.0, -inf], 0), 0.0, ([0.0, 0.0], None)), Edge(([1e30, -1e30], 0), 0.0, ([0.0, 0.0], None)),
         Edge(([1.0, -inf], 1), inf, ([1.0, -1.0], None)), Edge(([0.0, 0.0], 2), nan, (None, None)),
         Edge(([0.0, 0.0], -1), nan, (None, None)), Edge(([2.0, -inf], [1.0, 0.0]), 0.0, ([0.0, 0.0], None))],
        saved=(0, 1, "row"), batched=2,
    ),
    Entry(
        _losses.sigmoid_cross_entropy, _losses.sigmoid_cross_entropy_reference,
        [Example((shape, Simplex(shape))) for shape in [(7,), (3, 5), (2, 1, 3), (0, 3)]],
        [Edge((inf, 1.0), 0.0, (0.0, None)), Edge((-inf, 0.0), 0.0, (0.0, None)), Edge((1e30, 1.0), 0.0, (0.0, None)),
         Edge((inf, 0.0), inf, (1.0, None)), Edge((0.0, 0.5), math.log(2), (0.0, 0.0))],
        saved=(0, 1), batched=2,
    ),
]  # fmt: skip

catalogue: dict[str, Entry] = {entry.name: entry for entry in _CATALOGUE}
