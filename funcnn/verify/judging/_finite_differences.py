"""One-sided finite differences, with an estimate of their error."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ._tolerance import KINK_ERRORS, KINK_SHARE

_STEP = 1e-2  # the first of a difference, relative to the size of what is moved
_SMALLEST = 1e-2  # a point's scale at least, so that a step from 0 has a size, too
_STEPS = 9  # each half of the one before
SHORTER = 1.0, 1e-3, 1e-6  # steps where the function has no value farther away


class Scalar(NamedTuple):
    """A scalar function ⟨cotangent, y⟩ of one flat vector, and, for kinks, the rows of the Jacobian of y.

    Attributes:
      x: the point, float64.
      phi: the function without rules, less its value at x.
      outputs_with_kink: ``(i, h) -> [j]``, the outputs whose slope by x_i differs between the two sides.
      rule_row: ``j -> row``, output j's gradient at x by the rule.
      autodiff_row: ``(j, dx) -> row``, by autodiff, at x + dx; None where there is no autodiff.
      autodiff: ``dx -> gradient`` of the scalar by autodiff at x + dx; None where there is no autodiff.
      every: the sum of y, whatever the cotangent, less its value at x; None where phi is that.
      rounding: how far phi may be off because y is rounded.
    """

    x: np.ndarray
    phi: Callable[[np.ndarray], float]
    outputs_with_kink: Callable[[int, float], list[int]] = lambda i, h: []
    rule_row: Callable[[int], np.ndarray] = lambda j: np.zeros(0)
    autodiff_row: Callable[[int, np.ndarray], np.ndarray] | None = lambda j, dx: np.zeros(0)
    autodiff: Callable[[np.ndarray], np.ndarray] | None = None
    every: Callable[[np.ndarray], float] | None = None
    rounding: float = 0.0

    def scale(self) -> float:
        """The size of the point's numbers."""
        finite = self.x[np.isfinite(self.x)]
        return max(float(np.sqrt(np.mean(finite**2))) if finite.size else 1.0, _SMALLEST)


def one_sided(phi: Callable[[float], float], h: float, rounding: float = 0.0) -> tuple[float, float]:
    """The derivative of phi at 0 from the right by Richardson extrapolation of forward differences, and its error.

    The error is the smallest change between neighbouring entries of the extrapolation's table (Ridders' method), and the
    rounding of phi over the step. Where a step is lost in that rounding, two entries are equal by chance.
    """
    start, steps = phi(0.0), h / 2.0 ** np.arange(_STEPS)
    row, best, error = [], np.nan, np.inf
    for k, step in enumerate(steps):
        new = [(phi(step) - start) / step]
        for order in range(1, k + 1):
            new.append(new[-1] + (new[-1] - row[order - 1]) / (2.0**order - 1))
            change = max(abs(new[-1] - new[-2]), abs(new[-1] - row[order - 1])) + rounding / step
            if change < error:
                best, error = new[-1], change
        row = new
    return float(best), float(error)


def quotients(phi: Callable[[float], float], h: float) -> np.ndarray:
    """The forward differences of phi at 0 over ever smaller steps, each half of the one before."""
    start, steps = phi(0.0), h / 2.0 ** np.arange(_STEPS)
    return np.array([(phi(step) - start) / step for step in steps])


def slope_along(scalar: Scalar, direction: np.ndarray) -> tuple[float, float]:
    """The slope along a direction and its error, infinite at a kink."""
    right, left, error = _both_sides(scalar, direction, first_step(scalar))
    return (right + left) / 2, error if _is_smooth(right, left, error) else np.inf


def slopes_by(scalar: Scalar, i: int) -> tuple[float, float, float]:
    """The slopes by number i from the right and from the left, and their error, by the better of two first steps.

    Where the function has no value that far away, just before the edge of its domain, the steps are made shorter.
    """
    direction = basis(scalar.x.size, i)
    found = (
        min((_both_sides(scalar, direction, shorter * h) for h in first_steps(scalar, i)), key=_least_error)
        for shorter in SHORTER
    )
    return next((sides for sides in found if np.isfinite(sides).all()), (np.nan, np.nan, np.inf))


def first_steps(scalar: Scalar, i: int) -> list[float]:
    """The first steps of a difference by number i: relative to it, and to the size of all numbers."""
    return [_STEP * float(size) for size in (abs(scalar.x[i]), scalar.scale()) if 0 < size < np.inf]


def first_step(scalar: Scalar) -> float:
    """The first step of a difference along a direction of numbers of size 1."""
    return _STEP * scalar.scale()


def _is_smooth(right: float, left: float, error: float) -> bool:
    """Whether the slopes from both sides agree as far as their error tells."""
    return abs(right - left) <= KINK_ERRORS * error + KINK_SHARE * max(abs(right), abs(left))


def _both_sides(scalar: Scalar, direction: np.ndarray, h: float) -> tuple[float, float, float]:
    right, right_error = one_sided(lambda t: scalar.phi(scalar.x + t * direction), h, scalar.rounding)
    left, left_error = one_sided(lambda t: scalar.phi(scalar.x - t * direction), h, scalar.rounding)
    return right, -left, max(right_error, left_error)


def _least_error(sides: tuple[float, float, float]) -> float:
    return sides[2] if np.isfinite(sides).all() else np.inf


def basis(size: int, i: int) -> np.ndarray:
    """The i-th unit vector."""
    e = np.zeros(size)
    e[i] = 1.0
    return e
