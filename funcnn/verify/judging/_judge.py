"""Whether what was measured is right: arrays and tolerances in, places that are wrong out. NumPy alone."""

from typing import NamedTuple

import numpy as np

from ._point import Arrays, Measured, ravel
from ._tolerance import NEARBY, Tolerance, cotangent_slack, value_slack, without_jumps


class Judgement(NamedTuple):
    """Where a rule is wrong.

    Attributes:
      wrong: over all numbers of all arguments, flat.
      at_kinks: whether only noise as large as a kink's jump would excuse it.
    """

    wrong: np.ndarray
    at_kinks: bool = False


def judge(measured: Measured, tolerance: Tolerance) -> Judgement:
    """Where the rule's cotangents are off by more than rounding explains.

    Noise as large as a jump at a kink is not rounding. Where nothing is wrong with it, the rule is judged again without
    such noise, and what is wrong then may lie at a kink.
    """
    wrong = _wrong(measured, tolerance)
    if wrong.any():
        return Judgement(wrong)
    smooth = [without_jumps(n, t) for n, t in zip(measured.noise, measured.truth, strict=True)]
    return Judgement(_wrong(measured._replace(noise=smooth), tolerance), at_kinks=True)


def defined(measured: Measured, referenced: bool) -> bool:
    """Whether both sides have values at the point.

    For a reference of the user's own -inf is one, the logarithm of 0, where arguments are -inf too.
    """
    x, values = ravel(measured.point.floats), (*measured.outputs, *measured.values)
    if referenced and not (x == np.inf).any() and not np.isfinite(x).all():
        return bool((ravel(values) < np.inf).all())
    return not any(mask.any() for mask in undefined(values, measured.point.floats))


def undefined(outputs: Arrays, floats: Arrays) -> list[np.ndarray]:
    """Where each value at these inputs is NaN or, if an argument is not finite, is not finite."""
    finite = all(np.isfinite(a).all() for a in floats)
    return [np.isnan(y) if finite else ~np.isfinite(y) for y in (y.astype(np.float64) for y in outputs)]


def beyond(got: np.ndarray, expected: np.ndarray, slack: np.ndarray | float) -> np.ndarray:
    """Where an element is off by more than the slack; where nothing finite is expected it never is."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.isfinite(expected) & ~(np.abs(got - expected) <= slack)


def wrong_value(y: np.ndarray, value: np.ndarray, eps: float, at_infinity: bool = False) -> np.ndarray:
    """Where fwd's value is not the function's; an infinite one is one at infinite arguments, and else an overflow."""
    y, value = y.astype(np.float64), value.astype(np.float64)
    return beyond(y, value, value_slack(value, eps)) | (np.isinf(value) & (y != value) & at_infinity)


def first_index(wrong: np.ndarray) -> tuple[int, ...]:
    """The index of the first place that is wrong."""
    return tuple(map(int, np.argwhere(wrong)[0]))


def _wrong(measured: Measured, tolerance: Tolerance) -> np.ndarray:
    sides = zip(measured.rule, measured.truth, measured.noise, tolerance.cancelling, strict=True)
    wrong = [
        (beyond(r.astype(np.float64), t, cotangent_slack(t, n, tolerance.eps, size)) & ~_unknowable(r, t, n)).ravel()
        for r, t, n, size in sides
    ]
    x, rule = ravel(measured.point.floats), ravel(measured.rule)
    tellable = np.isfinite(x) | ~np.isfinite(rule)  # by an infinite number there is no slope: any finite one will do
    return (np.concatenate(wrong) if wrong else np.zeros(0, bool)) & tellable


def _unknowable(rule: np.ndarray, truth: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Where a rule is not finite, and rounding alone makes any numbers of the truth, as at a singular matrix."""
    moved, size = (np.max(np.abs(a), where=np.isfinite(a), initial=0.0) for a in (noise, truth))
    return ~np.isfinite(rule) & (NEARBY * moved >= size > 0)
