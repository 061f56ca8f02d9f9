"""A point at which rule and truth are compared: its numbers, the numbers beside them, and how they are named."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Arrays = Sequence[np.ndarray]
Floats = tuple[np.ndarray, ...]
Ints = tuple[Any, ...]


class Point(NamedTuple):
    """Where both sides are compared: inputs and cotangents, float64, and what they are called."""

    kind: str
    floats: Floats
    ints: Ints
    cots: Floats


class Measured(NamedTuple):
    """What both sides gave at a point.

    Attributes:
      point: where.
      outputs, rule: the rule's values and cotangents.
      values, truth: the true ones; of no arrays where autodiff is not the truth.
      noise: for each cotangent, how far rounding alone may move it; 0 before it is known.
    """

    point: Point
    outputs: Arrays
    rule: Arrays
    values: Arrays
    truth: Arrays
    noise: Arrays


def largest(arrays: Arrays) -> float:
    """The largest finite number of some arrays."""
    return max((np.abs(a).max(initial=0, where=np.isfinite(a)) for a in arrays), default=0.0)


def ravel(arrays: Arrays) -> np.ndarray:
    """All arrays as one flat float64 vector."""
    return np.concatenate([np.ravel(a).astype(np.float64) for a in arrays]) if len(arrays) else np.zeros(0)


def unraveling(floats: Arrays) -> Callable[[np.ndarray], Floats]:
    """The function that makes one flat vector arrays of these shapes again."""
    shapes = [a.shape for a in floats]
    cuts = np.cumsum([a.size for a in floats])[:-1]
    return lambda flat: tuple(part.reshape(shape) for part, shape in zip(np.split(flat, cuts), shapes, strict=True))


def place(i: int, arrays: Arrays) -> tuple[int, tuple[int, ...]]:
    """Which array the i-th of all numbers belongs to, and its index there."""
    ends = np.cumsum([a.size for a in arrays])
    leaf = int(np.searchsorted(ends, i, side="right"))
    shape = arrays[leaf].shape
    return leaf, tuple(map(int, np.unravel_index(i - ends[leaf] + arrays[leaf].size, shape))) if shape else ()


def nudged(point: Point, u: float, rng: np.random.Generator) -> Point:
    """The point with every number moved by one to two roundings of unit u."""
    size = lambda shape: rng.choice([-2, 2], shape) * rng.uniform(0.5, 1, shape)
    return _moved(point, lambda a: u * a * size(a.shape))


def nudged_both_ways(point: Point, u: float, rng: np.random.Generator) -> list[Point]:
    """The point with every number, zeros too, moved by up to two roundings of unit u, there and back, four times.

    So a difference between the two sides of a kink is told from an error of rounding.
    """
    moved = []
    for _ in range(4):
        steps = {
            id(a): 2 * u * np.where(a == 0, 1, a) * rng.uniform(-1, 1, a.shape) for a in (*point.floats, *point.cots)
        }
        moved += [_moved(point, lambda a, s=sign, by=steps: s * by[id(a)]) for sign in (1, -1)]
    return moved


def _moved(point: Point, step: Callable[[np.ndarray], np.ndarray]) -> Point:
    def change(arrays):
        with np.errstate(invalid="ignore"):
            return tuple(np.where(np.isfinite(a), a + step(a), a) for a in arrays)

    return point._replace(floats=change(point.floats), cots=change(point.cots))


def error_map(rule: np.ndarray, truth: np.ndarray) -> tuple[tuple[float, ...], ...]:
    """The errors of a cotangent relative to its largest element, as a small picture: at most 24 rows and columns."""
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = np.abs(rule.astype(np.float64) - truth) / np.abs(truth).max(initial=1e-300, where=np.isfinite(truth))
    errors = errors.reshape(-1, errors.shape[-1]) if errors.ndim else errors.reshape(1, 1)
    return tuple(tuple(map(float, row[:24])) for row in errors[:24])
