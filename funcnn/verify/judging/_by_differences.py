"""Numbers of a gradient of which autodiff says nothing: one-sided finite differences judge them alone, where they can."""

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import partial
from typing import NamedTuple

import numpy as np

from ._finite_differences import SHORTER, Scalar, basis, first_step, first_steps, one_sided, quotients
from ._kink import against_subgradients
from ._tolerance import (
    AGREED_ERRORS,
    AGREED_SHARE,
    ALONE_FLOOR,
    DIVERGES,
    KINK_ERRORS,
    KINK_SHARE,
    UNSTEADY,
    UNSTEADY_APART,
)

_LAST = 5  # quotients, over the smallest steps, that tell whether there is a slope


class Settled(Enum):
    """What finite differences say of one number of a gradient."""

    RIGHT = "finite differences confirm it"
    WRONG = "finite differences agree against it, where autodiff says nothing"
    WRONG_AT_A_KINK = "at a kink it is not between the slopes to both sides, where autodiff says nothing"
    NO_SLOPE = "the function has no finite slope"
    UNSETTLED = "finite differences do not settle it, and autodiff says nothing"

    @property
    def wrong(self) -> bool:
        """Whether the rule is."""
        return self in (Settled.WRONG, Settled.WRONG_AT_A_KINK)

    @property
    def compared(self) -> bool:
        """Whether there was a slope to compare the rule with."""
        return self is Settled.RIGHT or self.wrong


class Said(NamedTuple):
    """What is said of which number, and what is expected there."""

    place: int
    settled: Settled
    expected: float


class Side(NamedTuple):
    """The slope to one side, and its error: NaN where the function has no values there, infinite where they diverge."""

    slope: float
    error: float


def settle(scalar: Scalar, rule: np.ndarray, places: Sequence[int], rng: np.random.Generator) -> Iterator[Said]:
    """What one-sided differences say of the rule's gradient, number by number.

    Args:
      scalar: the function without its rules, and the point.
      rule: the gradient, flat.
      places: which of its numbers.
      rng: for points around a kink.
    """
    for i in places:
        yield _settle(scalar, float(rule[i]), i, rng)


def _settle(scalar: Scalar, rule: float, i: int, rng: np.random.Generator) -> Said:
    there = _sides(scalar.phi, scalar, i)
    if there and not np.isfinite(rule) and scalar.every:  # 0 times an infinite slope is not 0
        there = there if _sides(scalar.every, scalar, i) else []
    if not there:
        return Said(i, Settled.NO_SLOPE, np.nan)
    slopes, error = [side.slope for side in there], max(side.error for side in there)
    low, high = min(slopes), max(slopes)
    size = max(abs(low), abs(high), abs(rule) if np.isfinite(rule) else 0.0)
    unsure, agreed = KINK_ERRORS * error + KINK_SHARE * size, AGREED_ERRORS * error + AGREED_SHARE * size
    away = max(low - rule, rule - high) if np.isfinite(rule) else np.inf
    if error > UNSTEADY * size + ALONE_FLOOR + (UNSTEADY_APART * max(away, 0.0) if np.isfinite(away) else 0.0):
        return Said(i, Settled.UNSETTLED, (low + high) / 2)
    if high - low > unsure:
        return _at_a_kink(scalar, rule, i, (low - unsure, high + unsure), rng)
    if away <= unsure:
        return Said(i, Settled.RIGHT, rule)
    return Said(i, Settled.WRONG if away > agreed else Settled.UNSETTLED, (low + high) / 2)


def _at_a_kink(scalar: Scalar, rule: float, i: int, between: tuple[float, float], rng: np.random.Generator) -> Said:
    """Any subgradient is right; of one that is no number, as autodiff's is none, there is nothing to say."""
    if not np.isfinite(rule):
        return Said(i, Settled.NO_SLOPE, np.nan)
    against = against_subgradients(scalar, [i], first_step(scalar), rng) if scalar.autodiff_row else None
    if against is not None and np.isfinite(against.expected):
        return Said(against.place, Settled.WRONG_AT_A_KINK, against.expected)
    low, high = between
    if low <= rule <= high or len(scalar.outputs_with_kink(i, first_step(scalar))) > 1:
        return Said(i, Settled.RIGHT, rule)
    return Said(i, Settled.WRONG_AT_A_KINK, float(np.clip(rule, low, high)))


def _sides(phi: Callable[[np.ndarray], float], scalar: Scalar, i: int) -> list[Side]:
    """The slopes to both sides of number i, or to the one at the end of the domain; not any where one is infinite."""
    sides = [_side(phi, scalar, i, sign) for sign in (1, -1)]
    there = [side for side in sides if not np.isnan(side.slope)]
    return [] if np.isinf([side.slope for side in there]).any() else there


def _side(phi: Callable[[np.ndarray], float], scalar: Scalar, i: int, sign: int) -> Side:
    """The slope to one side of number i, by the better of two first steps."""
    along: Callable[[float], float] = lambda t: phi(scalar.x + sign * t * basis(scalar.x.size, i))
    slope, error, steps = np.nan, np.inf, []
    for shorter in SHORTER:  # just before the end of the domain
        steps = [shorter * h for h in first_steps(scalar, i)]
        slope, error = min(
            map(partial(one_sided, along, rounding=scalar.rounding), steps),
            key=lambda s: s[1] if np.isfinite(s).all() else np.inf,
        )
        if np.isfinite([slope, error]).all():
            break
    else:
        return Side(np.nan, np.nan)
    if error > UNSTEADY * abs(slope):
        rows = [quotients(along, h) for h in steps]
        if all(map(_diverges, rows)):
            return Side(np.inf, np.inf)
        slope, error = min([(slope, error), *map(_of_a_power, rows)], key=lambda s: s[1])
    return Side(sign * slope, error)


def _diverges(steeper: np.ndarray) -> bool:
    """Whether quotients over ever smaller steps grow without slowing down, which towards a slope they would."""
    growth = np.diff(steeper)[-_LAST:]
    with np.errstate(invalid="ignore", divide="ignore"):
        return bool(np.isfinite(growth).all() and growth.all() and (growth[1:] / growth[:-1] >= DIVERGES).all())


def _of_a_power(quotients: np.ndarray) -> tuple[float, float]:
    """The limit of quotients whose distance to it is a power of the step, as at 0 of x √x, and its error (Aitken)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        growth = np.diff(quotients)
        limits = quotients[2:] - growth[1:] ** 2 / np.diff(growth)
        error = np.abs(np.diff(limits))[-_LAST:].max()
    return (float(limits[-1]), float(error)) if np.isfinite(error) else (np.nan, np.inf)
