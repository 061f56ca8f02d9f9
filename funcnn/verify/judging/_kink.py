"""Whether a gradient at a kink is a subgradient: a mixture of the gradients around it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ._finite_differences import Scalar, basis
from ._tolerance import KINK_MIXTURE, KINK_SPREAD

_OUTPUTS = 2  # with a kink that are looked at, for one number
_AROUND = 24  # gradients around the point
_DIRECTIONS = 8  # drawn ones
_NEAR = 1e-6  # of a difference's step: how far around


class Against(NamedTuple):
    """Why a gradient is not a subgradient, which number shows it, and the nearest value that would be right."""

    why: str
    place: int
    expected: float


def against_subgradients(scalar: Scalar, kinks: Sequence[int], h: float, rng: np.random.Generator) -> Against | None:
    """What speaks against the rule at kinks; None where nothing does.

    Output by output, the rule's row lies, along every direction tried, among the gradients around the point. Any
    subgradient passes: one side's gradient at a tie, the other's, or a mixture. The full gradient to both sides of a tie
    does not: along the direction that moves both, it is twice as steep as the function anywhere around.

    Args:
      scalar: the function without its rules, and the point.
      kinks: the numbers whose slopes from both sides differ.
      h: the step of a difference.
      rng: for the points around and for directions.
    """
    assert scalar.autodiff_row is not None
    for i in kinks:
        for j in scalar.outputs_with_kink(i, h)[:_OUTPUTS]:
            autodiff = lambda dx, j=j, row=scalar.autodiff_row: row(j, dx)
            against = _against(scalar.rule_row(j), autodiff, i, _NEAR * h, rng)
            if against:
                return against
    return None


def _against(
    row: np.ndarray, autodiff: Callable[[np.ndarray], np.ndarray], i: int, near: float, rng: np.random.Generator
) -> Against | None:
    """What speaks against one output's row, of whose function autodiff has a kink in number i."""
    around = [autodiff(near * rng.normal(size=row.shape)) for _ in range(_AROUND)]
    known = np.isfinite(around).all(axis=0)  # numbers of whose slopes autodiff says something
    if not known[i]:
        return None
    here = autodiff(np.zeros_like(row))
    if not np.isfinite(row[known]).all():
        return Against("not finite at a kink", i, float(np.mean(around, axis=0)[i]))
    row, here, *around = (np.where(known, a, 0.0) for a in (row, here, *around))
    if not np.isfinite(here).all():  # autodiff itself has no slope just at the kink
        here = around[0]
    for d in _directions(row, around, here, i, rng):
        beside = (np.where(d == 0, 0.0, autodiff(side * near * d)) for side in (1, -1))
        slopes = [a @ d for a in (*around, *(a for a in beside if np.isfinite(a).all()), here)]
        low, high, value = min(slopes), max(slopes), row @ d
        slack = KINK_MIXTURE * max(abs(low), abs(high), abs(value))
        if not low - slack <= value <= high + slack:
            nearest = float(np.clip(row[i], min(a[i] for a in around), max(a[i] for a in around)))
            return Against("at a kink it is not a mixture of the gradients around it", i, nearest)
    return None


def _directions(
    row: np.ndarray, around: list[np.ndarray], here: np.ndarray, i: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Along number i, along all numbers whose slopes differ around the point, and mixtures of these."""
    spread = np.ptp(around, axis=0) + np.abs(row - here) > KINK_SPREAD * np.abs(around).max(initial=1e-30)
    return [basis(row.size, i), spread * 1.0, *(spread * rng.normal(size=(_DIRECTIONS, row.size)))]
