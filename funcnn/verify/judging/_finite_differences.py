"""One-sided finite differences, with an estimate of their error."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ._tolerance import ALONE, ALONE_FLOOR, ALONE_NOISE, KINK_ERRORS, KINK_SHARE

_STEP = 1e-2  # the first of a difference, relative to the size of what is moved
_SMALLEST = 1e-2  # a point's scale at least, so that a step from 0 has a size, too
_STEPS = 9  # each half of the one before
_SHORTER = 1.0, 1e-3, 1e-6


class Scalar(NamedTuple):
    """A scalar function ⟨cotangent, y⟩ of one flat vector, and, for kinks, the rows of the Jacobian of y.

    Attributes:
      x: the point, float64.
      phi: the function without rules, less its value at x.
      outputs_with_kink: ``(i, h) -> [j]``, the outputs whose slope by x_i differs between the two sides.
      rule_row: ``j -> row``, output j's gradient at x by the rule.
      autodiff_row: ``(j, dx) -> row``, by autodiff, at x + dx; None where there is no autodiff.
      autodiff: ``dx -> gradient`` of the scalar by autodiff at x + dx; None where there is no autodiff.
    """

    x: np.ndarray
    phi: Callable[[np.ndarray], float]
    outputs_with_kink: Callable[[int, float], list[int]] = lambda i, h: []
    rule_row: Callable[[int], np.ndarray] = lambda j: np.zeros(0)
    autodiff_row: Callable[[int, np.ndarray], np.ndarray] | None = lambda j, dx: np.zeros(0)
    autodiff: Callable[[np.ndarray], np.ndarray] | None = None

    def scale(self) -> float:
        """The size of the point's numbers."""
        finite = self.x[np.isfinite(self.x)]
        return max(float(np.sqrt(np.mean(finite**2))) if finite.size else 1.0, _SMALLEST)


def one_sided(phi: Callable[[float], float], h: float) -> tuple[float, float]:
    """The derivative of phi at 0 from the right by Richardson extrapolation of forward differences, and its error.

    The error is the smallest change between neighbouring entries of the extrapolation's table (Ridders' method).
    """
    start, steps = phi(0.0), h / 2.0 ** np.arange(_STEPS)
    row, best, error = [], np.nan, np.inf
    for k, step in enumerate(steps):
        new = [(phi(step) - start) / step]
        for order in range(1, k + 1):
            new.append(new[-1] + (new[-1] - row[order - 1]) / (2.0**order - 1))
            change = max(abs(new[-1] - new[-2]), abs(new[-1] - row[order - 1]))
            if change < error:
                best, error = new[-1], change
        row = new
    return float(best), float(error)


def differences(scalar: Scalar, shapes: Sequence[tuple[int, ...]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The gradient of a scalar function by finite differences alone, and its error; NaN at kinks and where unsteady."""
    slopes, errors = np.full(scalar.x.size, np.nan), np.zeros(scalar.x.size)
    for i in range(scalar.x.size):
        right, left, error = slopes_by(scalar, i)
        size = max(abs(right), abs(left))
        if _is_smooth(right, left, error) and error <= ALONE * size + ALONE_FLOOR:
            slopes[i], errors[i] = (right + left) / 2, error + ALONE_NOISE * size
    cuts = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    parts = lambda flat: [part.reshape(shape) for part, shape in zip(np.split(flat, cuts), shapes, strict=True)]
    return parts(slopes), parts(errors)


def slope_along(scalar: Scalar, direction: np.ndarray) -> tuple[float, float]:
    """The slope along a direction and its error, infinite at a kink."""
    right, left, error = _both_sides(scalar, direction, first_step(scalar))
    return (right + left) / 2, error if _is_smooth(right, left, error) else np.inf


def slopes_by(scalar: Scalar, i: int) -> tuple[float, float, float]:
    """The slopes by number i from the right and from the left, and their error, by the better of two first steps.

    Where the function has no value that far away, just before the edge of its domain, the steps are made shorter.
    """
    x = scalar.x
    steps = [_STEP * float(size) for size in (abs(x[i]), scalar.scale()) if 0 < size < np.inf]
    found = (
        min((_both_sides(scalar, basis(x.size, i), shorter * h) for h in steps), key=_least_error)
        for shorter in _SHORTER
    )
    return next((sides for sides in found if np.isfinite(sides).all()), (np.nan, np.nan, np.inf))


def first_step(scalar: Scalar) -> float:
    """The first step of a difference along a direction of numbers of size 1."""
    return _STEP * scalar.scale()


def _is_smooth(right: float, left: float, error: float) -> bool:
    """Whether the slopes from both sides agree as far as their error tells."""
    return abs(right - left) <= KINK_ERRORS * error + KINK_SHARE * max(abs(right), abs(left))


def _both_sides(scalar: Scalar, direction: np.ndarray, h: float) -> tuple[float, float, float]:
    right, right_error = one_sided(lambda t: scalar.phi(scalar.x + t * direction), h)
    left, left_error = one_sided(lambda t: scalar.phi(scalar.x - t * direction), h)
    return right, -left, max(right_error, left_error)


def _least_error(sides: tuple[float, float, float]) -> float:
    return sides[2] if np.isfinite(sides).all() else np.inf


def basis(size: int, i: int) -> np.ndarray:
    """The i-th unit vector."""
    e = np.zeros(size)
    e[i] = 1.0
    return e
