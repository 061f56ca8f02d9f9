"""Inputs brought inside a function's domain, and up to its edge: where the example lies, the function has values."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ._judge import undefined
from ._point import Floats, ravel, unraveling

Values = Callable[[Floats], Sequence[np.ndarray]]

_MOST_CALLS = 64  # to find the numbers that lie outside
_HALVINGS = 48  # of the way to the edge
_BEFORE_THE_EDGE = 1e-2, 1e-4, 1e-6, 1e-8  # shares of the way there


def moved_inside(drawn: Floats, example: Floats, values: Values) -> Floats | None:
    """The inputs drawn, with the example's number for each that leaves the domain; None if that leaves nothing drawn.

    Args:
      drawn: inputs at which the function has no value.
      example: inputs of the same shapes at which it has.
      values: the function.
    """
    x, inside, unravel = ravel(drawn), ravel(example), unraveling(example)
    has_values = lambda flat: not _outside(values, unravel(flat)).any()
    own = np.where(_outside(values, drawn), inside, x)
    if not np.array_equal(own, inside) and has_values(own):
        return unravel(own)
    calls = 0

    def taken(flat: np.ndarray, places: np.ndarray) -> np.ndarray:
        """The vector with as many as possible of the numbers drawn for these places."""
        nonlocal calls
        if not places.size or calls >= _MOST_CALLS:
            return flat
        calls += 1
        moved = flat.copy()
        moved[places] = x[places]
        if has_values(moved):
            return moved
        half = places.size // 2
        return taken(taken(flat, places[:half]), places[half:]) if half else flat

    found = taken(inside, np.flatnonzero(x != inside))
    return None if np.array_equal(found, inside) else unravel(found)


def before_the_edge(drawn: Floats, example: Floats, values: Values) -> Iterator[Floats]:
    """Inputs between the example and what was drawn, ever nearer to where the function has values no more."""
    start, unravel = ravel(example), unraveling(example)
    way = ravel(drawn) - start
    low, high = np.zeros(way.size), np.ones(way.size)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        outside = _outside(values, unravel(start + middle * way))
        low, high = np.where(outside, low, middle), np.where(outside, middle, high)
    for share in _BEFORE_THE_EDGE:
        yield unravel(start + low * (1 - share) * way)


def _outside(values: Values, floats: Floats) -> np.ndarray:
    """Which numbers may lie outside: those in the place of a NaN, or all of them where no argument has such a place."""
    places = [np.zeros(a.shape, bool) for a in floats]
    for mask in undefined(values(floats), floats):
        of_shape = [place for place in places if place.shape == mask.shape]
        for place in of_shape or places:
            place |= mask if of_shape else mask.any()
    return np.concatenate([place.ravel() for place in places])
