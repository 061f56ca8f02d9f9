"""A function that rounds to half precision on its way is a staircase: autodiff around a point decides, not differences."""

import numpy as np

from ._judge import defined, judge
from ._point import Measured, nudged_both_ways, ravel
from ._sides import Sides
from ._tolerance import SINGLE
from ._verdict import Verdict

STAIRCASE = "the function rounds to half precision on its way: its slopes are a staircase's"


def is_staircase(sides: Sides) -> bool:
    """Whether differences of the function's values are differences of roundings."""
    return sides.eps >= SINGLE


def decide_around(sides: Sides, measured: Measured, wrong: np.ndarray) -> Verdict:
    """What the neighbours of a point say, where differences say nothing.

    Args:
      sides: the rule and its truth.
      measured: both at the point.
      wrong: where they differ.

    Returns:
      "fail" for a number that is wrong at most neighbours as well, so that no kink and no rounding explains it.
    """
    found = []
    for moved in nudged_both_ways(measured.point, sides.eps, sides.rng):
        there = sides.with_noise(sides.measure(moved))
        if defined(there, sides.problem.referenced):
            found.append(judge(there, sides.tolerance(moved)).wrong)
    steady = wrong & (np.mean(found, axis=0) > 1 / 2) if found else np.zeros_like(wrong)
    if not steady.any():
        return Verdict("pass", "")
    place = int(np.flatnonzero(steady)[0])
    return Verdict("fail", "autodiff there and around agrees against it", place, float(ravel(measured.truth)[place]))
