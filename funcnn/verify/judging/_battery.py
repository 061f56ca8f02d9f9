"""The battery: inputs of the example's structure, made to bring out what one natural example hides."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ._point import Floats, Ints

Rng = np.random.Generator
Change = Callable[[np.ndarray], np.ndarray]
Shapes = Sequence[tuple[int, ...]]


class Kind(NamedTuple):
    """A kind of inputs.

    Attributes:
      name: what reports call it; nothing is looked up by it.
      draw: ``draw(rng, a)`` is of the shape of a, an argument of the example in float64.
      near: whether it is so near to the example that even a loop that counts no steps should end there.
      ties: whether numbers may be equal, zero or far apart, so that fwd or bwd may have a tie of its own there.
    """

    name: str
    draw: Callable[[Rng, np.ndarray], np.ndarray]
    near: bool = False
    ties: bool = False


def _like_example(name: str, change: Callable[[Rng, np.ndarray], np.ndarray]) -> Kind:
    return Kind(f"the example, {name}", change, near=True)


def _scaled(scale: float) -> Kind:
    return Kind(f"the example x {scale:g}", lambda rng, a: a * scale)


def _normal(scale: float, ties: bool = False) -> Kind:
    return Kind(f"normal x {scale:g}", lambda rng, a: scale * rng.normal(size=a.shape), ties=ties)


def _of_shape(name: str, make: Callable[[Rng, tuple[int, ...]], np.ndarray], ties: bool = False) -> Kind:
    return Kind(name, lambda rng, a: make(rng, a.shape), ties=ties)


def _void_row(rng: Rng, a: np.ndarray) -> np.ndarray:
    """All numbers -inf of a row, along the last axis: a logarithm of nothing but zeros, or what is masked out."""
    rows = np.arange(max(a.size // max(a.shape[-1], 1), 1)).reshape(*a.shape[:-1], 1)
    return np.where(rows == rng.integers(rows.size), -np.inf, a)


def _redrawn(rng: Rng, a: np.ndarray) -> np.ndarray:
    return 1 + 0.5 * rng.normal(size=a.shape) if a.size and np.all(a == a.flat[0]) else a


EXAMPLE = Kind("the example", lambda rng, a: a, near=True)
NOISE = _like_example("10 % noise", lambda rng, a: a * (1 + 0.1 * rng.normal(size=a.shape)))
EXAMPLE_30 = _scaled(30)
NORMAL = _of_shape("normal", lambda rng, shape: rng.normal(size=shape))
NORMAL_3, NORMAL_30, NORMAL_300 = _normal(3), _normal(30, ties=True), _normal(300)
POSITIVE = _of_shape("normal, positive", lambda rng, shape: np.abs(rng.normal(size=shape)) + 0.01)
BETWEEN_0_AND_1 = _of_shape("between 0 and 1", lambda rng, shape: rng.uniform(0.01, 0.99, shape))
OFFSET = _of_shape("offset + 100", lambda rng, shape: 100 + rng.normal(size=shape))
TINY_VARIANCE = _of_shape("tiny variance", lambda rng, shape: 1 + 1e-4 * rng.normal(size=shape))
INTEGERS = _of_shape("integers", lambda rng, shape: rng.integers(-2, 3, shape).astype(np.float64), ties=True)
LOG_UNIFORM = Kind("log-uniform", lambda rng, a: _signs_of(rng, a) * 10 ** rng.uniform(-6, 3, a.shape))
THOUSANDS = _of_shape("thousands, positive", lambda rng, shape: rng.uniform(2e3, 2e4, shape))  # whose sums overflow

# What the battery draws for every argument at once, in this order.
KINDS = (
    EXAMPLE,
    _like_example("constant arguments redrawn", _redrawn),
    NOISE,
    _scaled(1e-3),
    _scaled(1e-8),
    EXAMPLE_30,
    _scaled(1e4),
    NORMAL,
    NORMAL_3,
    NORMAL_30,
    NORMAL_300,
    POSITIVE,
    BETWEEN_0_AND_1,
    _of_shape("between -1 and 1", lambda rng, shape: rng.uniform(-0.99, 0.99, shape)),
    OFFSET,
    TINY_VARIANCE,
    _of_shape(
        "constant rows", lambda rng, shape: np.broadcast_to(rng.normal(size=(*shape[:-1], 1)[: len(shape)]), shape)
    ),
    INTEGERS,
    LOG_UNIFORM,
    _of_shape("log-uniform, positive", lambda rng, shape: 10 ** rng.uniform(-9, 3, shape)),
    _of_shape("zeros", lambda rng, shape: np.zeros(shape), ties=True),
    _of_shape("half zeros", lambda rng, shape: rng.normal(size=shape) * rng.integers(0, 2, shape)),
)


def battery(
    example: Floats, constants: Sequence[float], rng: Rng, thresholds: Sequence[float] = ()
) -> Iterator[tuple[Kind, Floats]]:
    """Inputs of every kind, float64, in the example's shapes.

    Args:
      example: its floating-point arguments.
      constants: magnitudes of the literals in the code; inputs are made of these, too.
      rng: for draws.
      thresholds: constants that stand in the rule alone; inputs lie on both sides of each.
    """
    example = tuple(a.astype(np.float64) for a in example)
    for kind in KINDS:
        yield kind, tuple(kind.draw(rng, a) for a in example)
    for i, kind in _of_one_argument(example):
        yield kind, tuple(kind.draw(rng, a) if j == i else a for j, a in enumerate(example))
    if len(constants):
        for dealt in _dealt(np.concatenate([constants, np.negative(constants)]), example, rng, 6):
            yield _CONSTANTS, dealt
        near = Kind("near constants of the code", lambda rng, a: _near_constants(rng, a.shape, constants))
        for _ in range(2):
            yield near, tuple(near.draw(rng, a) for a in example)
    beside = [sign * c * (1 + side) for c in thresholds for side in _BESIDE for sign in (1, -1)]
    for dealt in _dealt(np.array(beside), example, rng, 24) if beside else ():
        yield _THRESHOLDS, dealt


def _of_one_argument(example: Floats) -> Iterator[tuple[int, Kind]]:
    """Kinds in which one argument alone differs from the example, with its number."""
    for name, value in (("-inf", -np.inf), ("+inf", np.inf)):
        some = lambda rng, a, value=value: np.where(rng.uniform(size=a.shape) < 0.25, value, a)
        yield from ((i, Kind(f"some {name} in argument {i}", some)) for i, a in enumerate(example) if a.size > 1)
    yield from ((i, Kind(f"a row of -inf in argument {i}", _void_row)) for i, a in enumerate(example) if a.size > 1)
    for i in range(len(example)):
        for scale in (1e-8, 1e-4, 1e4) if len(example) > 1 else ():
            yield i, Kind(f"argument {i} x {scale:g}", lambda rng, a, scale=scale: a * scale)
        if len(example) > 1:
            yield i, Kind(f"argument {i} redrawn", NORMAL.draw)


class Bar(NamedTuple):
    """A kind of cotangents.

    Attributes:
      name: what reports call it; nothing is looked up by it.
      draw: ``draw(rng, shapes)``, a cotangent for each output.
    """

    name: str
    draw: Callable[[Rng, Shapes], Floats]


def _each(name: str, make: Callable[[Rng, tuple[int, ...]], np.ndarray]) -> Bar:
    return Bar(name, lambda rng, shapes: tuple(make(rng, shape) for shape in shapes))


def _one_hot(rng: Rng, shapes: Shapes) -> Floats:
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    flat = np.zeros(ends[-1])
    if flat.size:
        flat[rng.integers(flat.size)] = 1.0
    return tuple(part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True))


def _signs_of(rng: Rng, a: np.ndarray) -> np.ndarray:
    """The signs of the example; drawn where it is 0."""
    return np.where(a == 0, _signs(rng, a.shape), np.sign(a))


def _signs(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    return rng.choice([-1.0, 1.0], shape)


NORMAL_BAR = _each("normal", lambda rng, shape: rng.normal(size=shape))
POSITIVE_BAR = _each("positive", lambda rng, shape: np.abs(rng.normal(size=shape)))
LOG_UNIFORM_BAR = _each("log-uniform", lambda rng, shape: _signs(rng, shape) * 10 ** rng.uniform(-3, 3, shape))
ONE_HOT_BAR = Bar("one-hot", _one_hot)
ONES_BAR = _each("ones", lambda rng, shape: np.ones(shape))
BARS = (NORMAL_BAR, POSITIVE_BAR, LOG_UNIFORM_BAR, ONE_HOT_BAR, ONES_BAR)


def int_variants(
    ints: Ints, sizes: Sequence[int], marks: Sequence[int], wraps: bool, rng: Rng
) -> Iterator[tuple[str, Ints]]:
    """The integer and boolean arrays as they are, and others that the function should take as well.

    Args:
      ints: the example's.
      sizes: of the floating-point arguments' axes, and of those that the function indexes: an index lies below the
        next larger one.
      marks: integers that the program looks for.
      wraps: whether it takes whole numbers modulo another, and so indices of any size.
      rng: for draws.
    """
    changes = {
        "": lambda a: a,
        ", indices repeated": lambda a: _indices(a, lambda v: rng.choice(v.ravel()[: max(1, v.size // 2)], v.shape)),
        ", other indices": lambda a: _indices(a, lambda v: rng.integers(0, _bound(v, sizes), v.shape)),
        ", the largest index": lambda a: _indices(a, lambda v: np.full(v.shape, _bound(v, sizes) - 1)),
        ", mask redrawn": lambda a: _mask(a, lambda v: rng.uniform(size=v.shape) < 0.5),
        ", nothing masked in": lambda a: _mask(a, np.zeros_like),
        ", everything masked in": lambda a: _mask(a, np.ones_like),
    }
    changes |= {
        f", some {mark}": lambda a, mark=mark: _indices(a, lambda v: np.where(rng.uniform(size=v.shape) < 0.4, mark, v))
        for mark in marks
    }
    if wraps:
        changes[", large indices"] = lambda a: _indices(a, lambda v: rng.integers(0, 100, v.shape))
    seen: list[tuple] = []
    for name, change in changes.items():
        changed = tuple(map(change, ints))
        if not any(all(map(_equal, changed, other)) for other in seen):
            seen.append(changed)
            yield name, changed


def negative(ints: Ints) -> Ints:
    """Indices counted from the end, as NumPy allows them."""
    return tuple(_indices(a, lambda v: -1 - v) for a in ints)


def is_index(a: object) -> bool:
    """Whether an argument is an array of whole numbers but not a raw key."""
    kind = getattr(getattr(a, "dtype", None), "kind", "")
    return kind == "i" or (kind == "u" and getattr(a, "shape", ())[-1:] != (2,))


def is_mask(a: object) -> bool:
    """Whether an argument is a boolean array."""
    return getattr(getattr(a, "dtype", None), "kind", "") == "b"


def _indices(a: Any, change: Change) -> Any:
    return jnp.asarray(change(np.asarray(a)).astype(a.dtype)) if is_index(a) else a


def _mask(a: Any, change: Change) -> Any:
    return jnp.asarray(change(np.asarray(a))) if is_mask(a) else a


def _bound(values: np.ndarray, sizes: Sequence[int]) -> int:
    """One more than the largest index that is surely valid; a number that is a size itself is taken for a length."""
    top = int(values.max(initial=0))
    if top in sizes or values.min(initial=0) < 0:
        return top + 1
    return min((n for n in sizes if n > top), default=top + 1)


def _equal(a: Any, b: Any) -> bool:
    return a is b or (getattr(a, "dtype", None) == getattr(b, "dtype", 0) and np.array_equal(a, b))


_CONSTANTS = Kind("constants of the code", lambda rng, a: a)  # dealt over all arguments at once
_THRESHOLDS = Kind("both sides of a constant of the rule", lambda rng, a: a)
_BESIDE = 1e-7, -1e-7, 1e-3, -1e-3, 0.03, -0.03


def _dealt(numbers: np.ndarray, example: Floats, rng: Rng, most: int) -> Iterator[Floats]:
    """Inputs made of the numbers alone, dealt like cards until each has been in every argument, or for so many rounds."""
    smallest = min((a.size for a in example if a.size), default=1)
    decks = [rng.permutation(numbers) for _ in example]
    for i in range(min(most, -(-numbers.size // smallest))):
        yield tuple(np.resize(np.roll(deck, -i * a.size), a.shape) for deck, a in zip(decks, example, strict=True))


def _near_constants(rng: Rng, shape: tuple[int, ...], constants: Sequence[float]) -> np.ndarray:
    nudge = rng.choice([0.0, 1e-4, -1e-4, 0.03, -0.03], shape)
    return rng.choice([-1.0, 1.0], shape) * rng.choice(np.asarray(constants), shape) * (1 + nudge)
