"""Which of two disagreeing gradients is right: one-sided finite differences decide, and admit when they cannot."""

from enum import Enum
from typing import NamedTuple

import numpy as np

from ._finite_differences import Scalar, first_step, slopes_by
from ._kink import against_subgradients
from ._tolerance import (
    AGREED_ERRORS,
    AGREED_SHARE,
    KINK_ERRORS,
    KINK_SHARE,
    TOO_CLOSE,
    UNSTEADY,
    UNSTEADY_APART,
)

_MOST = 6  # numbers that are looked at, the worst first
_BESIDE = 1e-7  # of the point's scale: how far beside it autodiff is asked


class Verdict(NamedTuple):
    """What finite differences decide.

    Attributes:
      status: "fail", "pass" (the rule is right, or a subgradient) or "inconclusive".
      why: the reason, in a sentence; "" where there is nothing to say.
      place: which number it is about.
      expected: its right value.
      smooth: whether the rule was confirmed against autodiff where there is no kink. Then autodiff is not to be trusted.
      kink: whether it is on a kink.
    """

    status: str
    why: str
    place: int = -1
    expected: float = float("nan")
    smooth: bool = False
    kink: bool = False


class Outcome(Enum):
    """What finite differences say of one number of the gradient."""

    UNDEFINED = "the function's own value is not finite around it"
    KINK = "the slopes from its two sides differ"
    UNSTEADY = "finite differences do not settle it"
    BOTH_RIGHT = "rule and autodiff are both right as far as differences can tell"
    RULE_RIGHT = "finite differences confirm the rule against autodiff"
    AUTODIFF_RIGHT = "autodiff and finite differences agree against it"
    TOO_CLOSE = "rule and autodiff are too close for differences that are far from both"
    AUTODIFF_RIGHT_BESIDE = "finite differences, and autodiff beside the point, agree against it"
    ALL_DIFFER = "autodiff, finite differences and the rule all differ"


# Outcomes of one number that decide for the whole gradient, and its status.
_DECIDES = {
    Outcome.AUTODIFF_RIGHT: "fail",
    Outcome.AUTODIFF_RIGHT_BESIDE: "fail",
    Outcome.ALL_DIFFER: "inconclusive",
}


def decide(
    scalar: Scalar, rule: np.ndarray, autodiff: np.ndarray, wrong: np.ndarray, rng: np.random.Generator
) -> Verdict:
    """Whether the rule's gradient of a scalar function is right, where it differs from autodiff's.

    Args:
      scalar: the function without its rules, and the point.
      rule, autodiff: both gradients there, flat.
      wrong: where they differ.
      rng: for directions.

    Returns:
      "fail" where finite differences, steady to well below the difference, contradict the rule at a smooth point. At a
      kink it is "fail" where the rule's gradient is not a mixture of the gradients around it. "pass" has no reason where
      the function's own value is not finite, so that nothing can be said.
    """
    places = np.flatnonzero(wrong)
    worst = places[np.argsort(-_badness(rule, autodiff)[places])][:_MOST]
    found: dict[int, Outcome] = {}
    for i in map(int, worst):
        found[i], expected = _outcome(scalar, i, float(rule[i]), float(autodiff[i]), rng)
        if found[i] in _DECIDES:
            return Verdict(_DECIDES[found[i]], found[i].value, i, expected)
    return _folded(scalar, found, autodiff, rng)


def _outcome(scalar: Scalar, i: int, rule: float, autodiff: float, rng: np.random.Generator) -> tuple[Outcome, float]:
    """What differences say of number i, and what they, or autodiff where they confirm it, expect there."""
    right, left, error = slopes_by(scalar, i)
    if not np.isfinite(right + left + error):
        return Outcome.UNDEFINED, np.nan
    size = max(abs(right), abs(left), abs(rule) if np.isfinite(rule) else 0.0)
    expected = (right + left) / 2
    unsure = KINK_ERRORS * error + KINK_SHARE * size
    agreed = AGREED_ERRORS * error + AGREED_SHARE * size
    if abs(right - left) > unsure:
        return Outcome.KINK, expected
    if error > UNSTEADY * size + UNSTEADY_APART * abs(rule - expected) and np.isfinite(rule):
        return Outcome.UNSTEADY, expected
    if abs(rule - expected) <= unsure:
        return Outcome.BOTH_RIGHT if abs(autodiff - expected) <= unsure else Outcome.RULE_RIGHT, expected
    if abs(autodiff - expected) <= agreed:
        return Outcome.AUTODIFF_RIGHT, autodiff
    if abs(autodiff - rule) <= TOO_CLOSE * abs(autodiff):
        return Outcome.TOO_CLOSE, expected
    beside = _agree_beside(scalar, i, expected, agreed, rng)
    return Outcome.AUTODIFF_RIGHT_BESIDE if beside else Outcome.ALL_DIFFER, expected


def _folded(scalar: Scalar, found: dict[int, Outcome], autodiff: np.ndarray, rng: np.random.Generator) -> Verdict:
    """The verdict where no single number decides: kinks first, then what is unsteady, then what confirms the rule."""
    of = lambda outcome: [i for i, other in found.items() if other is outcome]
    kinks, unclear = of(Outcome.KINK), of(Outcome.UNSTEADY)
    if kinks and scalar.autodiff_row is not None:
        against = against_subgradients(scalar, kinks, first_step(scalar), rng)
        if against is None:
            return Verdict("pass", "at a kink, a subgradient")
        return Verdict("fail", against.why, against.place, against.expected, kink=True)
    if unclear or kinks:
        i = [*unclear, *kinks][0]
        return Verdict("inconclusive", Outcome.UNSTEADY.value, i, float(autodiff[i]))
    if of(Outcome.RULE_RIGHT):
        return Verdict("pass", Outcome.RULE_RIGHT.value, smooth=True)
    return Verdict("pass", "")


def _agree_beside(scalar: Scalar, i: int, expected: float, slack: float, rng: np.random.Generator) -> bool:
    """Whether autodiff has the slope expected on all sides of a point where it may have none: a tie inside, say."""
    if scalar.autodiff is None:
        return False
    steps = _BESIDE * scalar.scale() * rng.normal(size=(4, scalar.x.size))
    return all(abs(scalar.autodiff(sign * step)[i] - expected) <= slack for step in steps for sign in (1, -1))


def _badness(rule: np.ndarray, autodiff: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        difference = np.abs(rule - autodiff)
    return np.where(np.isfinite(difference), difference, np.inf)
