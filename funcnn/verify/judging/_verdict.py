"""Which of two disagreeing gradients is right: one-sided finite differences decide, and admit when they cannot."""

from typing import NamedTuple

import numpy as np

from ._finite_differences import Scalar, basis, scale_of, slopes_by


class Verdict(NamedTuple):
    """``status`` is "fail", "pass" (the rule is right, or a subgradient) or "inconclusive"; ``why`` says more.

    ``smooth`` says that the rule was confirmed against autodiff where there is no kink: autodiff is no judge then.
    ``kink`` says that the verdict is on a kink.
    """

    status: str
    why: str
    place: int = -1
    expected: float = float("nan")
    smooth: bool = False
    kink: bool = False


def decide(scalar: "Scalar", rule: np.ndarray, autodiff: np.ndarray, wrong: np.ndarray, rng) -> Verdict:
    """Whether the rule's gradient of a scalar function is right, where it differs from autodiff's.

    Args:
      scalar: the function without its rules, and the point.
      rule, autodiff: both gradients there, flat.
      wrong: where they differ.
      rng: for directions.

    Returns:
      "pass" without a reason where the function's own value is not finite, and nothing can be said; "fail" where finite
      differences, steady to well below the difference, contradict the rule: at a smooth point; or at a
      kink, where no mixture of the gradients around it is the rule's.
    """
    places = np.flatnonzero(wrong)
    worst = places[np.argsort(-_badness(rule, autodiff)[places])][:6]
    kinks, unclear, settled = [], [], False
    for i in worst:
        right, left, error = slopes_by(scalar, i)
        if not np.isfinite(right + left + error):
            continue  # the function's own value is not finite around here
        size = max(abs(right), abs(left), abs(rule[i]) if np.isfinite(rule[i]) else 0.0)
        expected = (right + left) / 2
        if abs(right - left) > 4 * error + 1e-6 * size:
            kinks.append(i)
        elif error > 1e-3 * size + 0.2 * abs(rule[i] - expected) and np.isfinite(rule[i]):
            unclear.append(i)
        elif abs(rule[i] - expected) <= (unsure := 4 * error + 1e-6 * size):
            settled |= not abs(autodiff[i] - expected) <= unsure  # else both are right as far as differences can tell
        else:
            if abs(autodiff[i] - expected) <= 10 * error + 1e-4 * size:
                return Verdict("fail", "autodiff and finite differences agree against it", int(i), float(autodiff[i]))
            if abs(autodiff[i] - rule[i]) <= 1e-6 * abs(autodiff[i]):
                continue  # too little to be settled by differences that are so far from both
            if _agree_beside(scalar, int(i), expected, 10 * error + 1e-4 * size, rng):
                return Verdict(
                    "fail", "finite differences, and autodiff beside the point, agree against it", int(i), expected
                )
            return Verdict("inconclusive", "autodiff, finite differences and the rule all differ", int(i), expected)
    if kinks and scalar.autodiff_row is not None:
        return _at_kinks(scalar, kinks, 1e-2 * max(scale_of(scalar.x), 1e-2), rng)
    unclear += kinks
    if unclear:
        return Verdict(
            "inconclusive", "finite differences do not settle it", int(unclear[0]), float(autodiff[unclear[0]])
        )
    if not settled:
        return Verdict("pass", "")
    return Verdict("pass", "finite differences confirm the rule against autodiff", smooth=True)


def _agree_beside(scalar, i, expected, slack, rng):
    """Whether autodiff has the slope expected on all sides of a point where it may have none: a tie inside, say."""
    if scalar.autodiff is None:
        return False
    steps = 1e-7 * max(scale_of(scalar.x), 1e-2) * rng.normal(size=(4, scalar.x.size))
    return all(abs(scalar.autodiff(sign * step)[i] - expected) <= slack for step in steps for sign in (1, -1))


def _at_kinks(scalar, kinks, h, rng):
    """Output by output, the rule's row lies, along every direction tried, among the gradients around the point.

    Any subgradient passes: one side's gradient at a tie, the other's, or a mixture. The full gradient to both sides of a
    tie does not: along the direction that moves both, it is twice as steep as the function anywhere around.
    """
    for i in kinks:
        for j in scalar.outputs_with_kink(i, h)[:2]:
            row = scalar.rule_row(j)
            around = [scalar.autodiff_row(j, 1e-6 * h * rng.normal(size=row.shape)) for _ in range(24)]
            here = scalar.autodiff_row(j, np.zeros_like(row))
            spread = np.ptp(around, axis=0) + np.abs(row - here) > 1e-6 * np.abs(around).max(initial=1e-30)
            if not np.isfinite(row).all():
                return Verdict("fail", "not finite at a kink", int(i), float(np.mean(around, axis=0)[i]), kink=True)
            directions = [basis(row.size, i), spread * 1.0, *(spread * rng.normal(size=(8, row.size)))]
            for d in directions:
                along = [scalar.autodiff_row(j, side * 1e-6 * h * d) for side in (1, -1)]
                slopes = [a @ d for a in (*around, *along, here)]
                low, high, value = min(slopes), max(slopes), row @ d
                slack = 1e-5 * max(abs(low), abs(high), abs(value))
                if not low - slack <= value <= high + slack:
                    nearest = float(np.clip(row[i], min(a[i] for a in around), max(a[i] for a in around)))
                    return Verdict(
                        "fail", "at a kink it is no mixture of the gradients around it", int(i), nearest, kink=True
                    )
    return Verdict("pass", "at a kink, a subgradient")


def _badness(rule, autodiff):
    with np.errstate(invalid="ignore"):
        difference = np.abs(rule - autodiff)
    return np.where(np.isfinite(difference), difference, np.inf)
