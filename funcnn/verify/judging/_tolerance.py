"""Every tolerance of `check`: what each term explains, and the case or test that fixed it, where there is one.

A term is a factor. The functions below say of what: roundings of an element, of the largest one, of terms that cancel.
What is compared is always an element, never an array's norm.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

FREE = "not fixed by a case"


class Term(float):
    """A factor of a tolerance.

    Attributes:
      explains: which difference it excuses.
      fixed_by: the case or test that is judged wrong with the term left out, or with a much larger one.
    """

    explains: str
    fixed_by: str

    def __new__(cls, factor: float, explains: str, fixed_by: str = FREE) -> "Term":
        term = super().__new__(cls, factor)
        term.explains, term.fixed_by = explains, fixed_by
        return term


# Where a function rounds to half precision on its way, no term of the stages S0 to S5 and S7 counts for more.
HALF_INSIDE = Term(8, "roundings to half precision, in place of any larger factor", "weight_bar_dropped_beside_half")

# What fwd returns beside the function's value: S0, S3.
VALUE = Term(1e3, "roundings of a value and of the largest one", "logsumexp_blockwise")
VALUE_FLOOR = Term(1e-14, "values that are 0 but for rounding")
REFERENCE = Term(1e-4, "the relative difference of a reference that computes the same function otherwise")
REFERENCE_FLOOR = Term(1e-6, "the same, of values near 0")
SMUGGLED = Term(1e-3, "the relative difference of two runs of one backward pass compiled twice")
SMUGGLED_FLOOR = Term(1e-5, "the same, of cotangents near 0")

# bwd(k g) beside k bwd(g): S1.
LINEAR = Term(1e4, "roundings of the largest element, where k is no power of 2 or g a sum")
LINEAR_LOOP = Term(1, "what a loop in bwd leaves that stops at a tolerance, in tolerances", "solve_to_a_tolerance")
LINEAR_NEARBY = Term(64, "what the cotangent moves where the point moves by a rounding, in its ratio to the largest")

# A cotangent in float64 beside the truth: S2, S3, S5, S9, S10.
NEARBY = Term(16, "what a cotangent moves where the point moves by a rounding")
OWN = Term(1e3, "roundings of the element itself")
LARGEST = Term(1e4, "roundings of the largest element, where a small one is a difference of large ones")
CANCELLING = Term(1e3, "roundings of terms of the usual size that cancel in the whole cotangent")
GROWTH = Term(100, "how much larger than the example's the factors of terms that cancel may be, at most")
GROWTH_FROM = Term(1e-3, "what the size of the example's factors counts as, at least: they may all be 0")
RULE_NEARBY = Term(1e-7, "the rule's own noise, up to this share of its usual size; beyond it may be a fault")
KINK_JUMP = Term(
    1e-3,
    "noise beyond this share of the largest element, as a jump at a kink and not as rounding",
    "tax_of_open_brackets",
)

ITERATED = Term(
    1e-3,
    "what more rounds of a loop that stops early still change, up to this share of the largest element",
    "fixed_point_that_stops_early_with_a_slip",
)

# Finite differences beside autodiff of the function: S4.
SLOPE_SURE = Term(1e-3, "an error of the differences up to this share of the slope, as steady")
SLOPE_APART = Term(1e-3, "roundings of the products that the slope is a sum of")
SLOPE_ERRORS = Term(10, "the differences' own estimate of their error, which may be too small")
SLOPE_FLOOR = Term(1e-9, "slopes that are 0 but for rounding")

# Finite differences that decide between rule and autodiff, and kinks: S5.
KINK_ERRORS = Term(
    4,
    "the differences' own estimate of their error, between the slopes from right and left",
    "test_no_more_than_a_subgradient_passes_at_a_kink",
)
KINK_SHARE = Term(1e-6, "roundings of these slopes")
UNSTEADY = Term(1e-3, "an error of the differences up to this share of the slope, as steady")
UNSTEADY_APART = Term(0.2, "an error of the differences up to this share of their distance to the rule, as steady")
AGREED_ERRORS = Term(10, "the differences' own estimate of their error, where autodiff is confirmed")
AGREED_SHARE = Term(
    1e-4, "roundings of the slope, where autodiff is confirmed", "test_where_all_differ_nothing_is_decided"
)
TOO_CLOSE = Term(1e-6, "what rule and autodiff are apart, relative to it, where differences are far from both")
KINK_MIXTURE = Term(
    1e-5,
    "roundings of a slope along a direction, which lies between those around the kink",
    "test_no_more_than_a_subgradient_passes_at_a_kink",
)
KINK_BEND = Term(1e-3, "the bend of an output without a kink, as a share of the largest bend")
KINK_SPREAD = Term(1e-6, "roundings between gradients around a kink, and not differences of them")
ALONE_FLOOR = Term(1e-9, "an error of the differences as steady where the slope is 0, where they are the only judge")
DIVERGES = Term(
    0.95,
    "a quotient that grows no more slowly with each half step, as no slope: towards a slope growth halves",
    "test_where_there_is_no_slope_there_is_nothing_to_say",
)

# The rule's error in a coarse dtype beside autodiff's: S6, S10. In half precision a rule gets the tolerance of one that
# works in float32 inside: for long sums, rounded exponents and what moves with the point that is float32's.
PEER_RMS = Term(8, "autodiff's error, all elements together: by chance that of one element is small")
PEER = Term(8, "autodiff's error of the element")
HALF_OWN = Term(
    8,
    "in half precision, roundings of the element itself: of the result, and of an output that is kept",
    "dense_weight_added_up_in_half",
)
HALF_LARGEST = Term(2, "in half precision, roundings of the largest element", "tanh_from_rounded_output")
HALF_USUAL = Term(2, "in half precision, roundings of terms of the usual size that cancel", "inverse_length_f16")
SINGLE_OWN = Term(16, "in float32, roundings of the element itself")
SINGLE_LARGEST = Term(4, "in float32, roundings of the largest element")
LONG_SUM = Term(
    1 / 24, "in float32, roundings of a sum of n numbers, one after the other, a part of n", "scale_added_up_in_single"
)
EXPONENT = Term(2, "in float32, roundings of the exponent of an e^x that is made of a rounded y", "logsumexp_blockwise")
EXPONENT_MOST = Term(1e-2, "the same, at most this share of the element", "logsumexp_value_rounded_to_single")
USUAL = Term(16, "in float32, roundings of terms of the usual size that cancel")
MOVING = Term(8, "in float32, what the rule's result moves where the point moves by a rounding")
MOVING_MOST = Term(1e-3, "the same, at most this share of the usual size")
SAME = Term(
    0.1,
    "how far the truth may move, of the largest element, where the point moves by a rounding and is to be the same",
    "logsumexp_value_rounded_to_half",
)
# Unit roundoffs below it count as float32's.
SINGLE = 2**-12

# A transformation beside the plain loop: S7.
TRANSFORMED = Term(
    1e5,
    "roundings of an element and of the largest one, where a program is compiled otherwise",
    "normalise_from_output",
)

# Second derivatives: S8.
SECOND = Term(1e6, "roundings of the largest second derivative")
SECOND_NEARBY = Term(16, "what the second derivative moves where the point moves by a rounding")
SECOND_TERMS = Term(
    64, "roundings of cotangents over the argument, which cancel", "test_a_second_derivative_of_0_is_a_rounding"
)
SECOND_FLOOR = Term(1e-300, "second derivatives that are 0 but for underflow")
TWICE_LINEAR = Term(1e6, "roundings of the terms that ⟨weights, cotangents⟩ is a sum of")
SECOND_SLOPE = Term(1e-2, "the curvature of the cotangents over the step of a difference")
SECOND_SLOPE_ROUNDING = Term(1e4, "roundings of the cotangents, divided by the step of a difference")
SECOND_SLOPE_WIDTHS = Term(3, "how many such tolerances derivative and slope are apart before that is a fault")

# The transpose of the backward pass beside the function's tangent: S8.
TANGENT = Term(1e6, "roundings of the largest element of a tangent")
TANGENT_NEARBY = Term(16, "what a tangent moves where the point moves by a rounding")

# A function of a stack beside that of its rows, which says whether a leading axis is a batch: S9.
STACKED = Term(1e-9, "the relative difference of values where the order of a sum may change")
STACKED_FLOOR = Term(1e-12, "the same, of values near 0")


class Tolerance(NamedTuple):
    """What a judgement at a point has to know.

    Attributes:
      eps: the unit roundoff to expect of the rule.
      cancelling: for each argument, how large the terms are that may cancel in its cotangent.
    """

    eps: float
    cancelling: tuple[float, ...]


def growth(
    example: Sequence[np.ndarray], floats: Sequence[np.ndarray], size: Callable[[Sequence[np.ndarray]], float]
) -> float:
    """How much larger than at the example the terms may be that cancel at a point: products of two arguments."""
    before = [a.astype(np.float64) for a in example]
    return float(np.clip(size(floats) / max(size(before), GROWTH_FROM), 1, GROWTH) ** 2)


def value_slack(value: np.ndarray, eps: float) -> np.ndarray:
    """How far each element of fwd's value may be off the function's."""
    with np.errstate(over="ignore"):
        return _roundings(VALUE, eps) * (np.abs(value) + _top(value)) + VALUE_FLOOR


def linear_slack(base: np.ndarray, expected: np.ndarray, moved: np.ndarray, eps: float, stops: float) -> float:
    """How far bwd of a combination may be off what linearity makes of ``base``, bwd(g), which moves by ``moved``.

    ``stops`` is the tolerance at which a loop does.
    """
    there, here = (np.abs(a).max(initial=0) for a in (expected, base))
    rounding = LINEAR_NEARBY * moved.max(initial=0) * there / max(here, np.finfo(np.float64).tiny)
    loop = LINEAR_LOOP * stops * there if np.isfinite(stops) else 0.0
    return float(_roundings(LINEAR, eps) * max(there, np.finfo(np.float32).tiny) + rounding + loop)


def cotangent_slack(truth: np.ndarray, noise: np.ndarray, eps: float, cancelling: float) -> np.ndarray:
    """How far each element of a cotangent may be off in float64."""
    with np.errstate(invalid="ignore", over="ignore"):
        own, largest, terms = (_roundings(term, eps) for term in (OWN, LARGEST, CANCELLING))
        roundings = own * np.abs(truth) + largest * _top(truth) + terms * cancelling
        return _roundings(NEARBY, eps) / eps * noise + roundings + np.finfo(np.float64).tiny


def is_settled(after: np.ndarray, before: np.ndarray) -> bool:
    """Whether more rounds of its loops change little of an array, and all of it is finite."""
    with np.errstate(invalid="ignore"):
        return bool((np.abs(after - before) <= ITERATED * _top(after)).all())


def without_jumps(noise: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The noise, 0 where it is as large as a jump at a kink: that is not rounding."""
    return np.where(noise > KINK_JUMP * np.abs(truth).max(initial=0), 0.0, noise)


def coarse_slack(truth: np.ndarray, peer: np.ndarray, u: float, tiny: float, length: int) -> np.ndarray:
    """How far each element of a cotangent may be off in a coarse dtype.

    Args:
      truth: in float64; what is not finite counts as 0.
      peer: autodiff's error in that dtype.
      u: its unit roundoff.
      tiny: its smallest normal number.
      length: of the longest axis, along which a rule may add up.
    """
    size = np.abs(np.where(np.isfinite(truth), truth, 0.0))
    rms = np.sqrt(np.mean(peer**2)) if peer.size else 0.0
    own, largest = (SINGLE_OWN, SINGLE_LARGEST + LONG_SUM * length) if u < SINGLE else (HALF_OWN, HALF_LARGEST)
    return PEER_RMS * rms + PEER * peer + u * (own * size + largest * size.max(initial=0)) + tiny


class Around(NamedTuple):
    """What is known of an argument's cotangent where the point has been moved.

    Attributes:
      moving: how far the rule's result moves with the point.
      exponent: how large an exponent may be.
      usual: how large the terms are that may cancel.
      example: the same at the example.
    """

    moving: np.ndarray
    exponent: float
    usual: float
    example: float


def around_slack(truth: np.ndarray, around: Around, u: float) -> np.ndarray | float:
    """What more may be off once the surroundings are known.

    In float32 a rule may keep y, rounded, of which e^(x - y) is made, and x may be a product. A sum of terms of the
    usual size may cancel. And what is far below that size may be nothing but the rule's own rounding, which moves. In
    half precision only terms of the example's size may cancel, and what they leave moves as well.
    """
    if u >= SINGLE:
        return min(u * HALF_USUAL * around.example, MOVING * _top(around.moving))
    exponent = min(u * EXPONENT * around.exponent, EXPONENT_MOST)
    moving = MOVING * np.fmin(around.moving, MOVING_MOST * around.usual)
    return exponent * np.abs(truth) + u * USUAL * around.usual + moving


def transformed_slack(expected: np.ndarray, eps: float) -> np.ndarray:
    """How far each element may be off the plain loop's under a transformation."""
    return _roundings(TRANSFORMED, eps) * (np.abs(expected) + _top(expected))


def second_slack(
    truth: np.ndarray, moved: np.ndarray | float, eps: float, terms: np.ndarray | float = 0.0
) -> np.ndarray | float:
    """How far each second derivative may be off, which moves with the point by ``moved`` and of which ``terms`` cancel."""
    return SECOND_NEARBY * moved + SECOND * eps * _top(truth) + SECOND_TERMS * eps * terms + SECOND_FLOOR


def tangent_slack(truth: np.ndarray, moved: np.ndarray | float, eps: float) -> np.ndarray | float:
    """How far each element of a tangent may be off; ``moved`` is what it moves with the point."""
    return TANGENT_NEARBY * moved + TANGENT * eps * _top(truth) + np.finfo(np.float64).tiny


def slope_of_bars_slack(slope: float, terms: float, eps: float, step: float) -> float:
    """How far a second derivative may be from the slope of the cotangents.

    Args:
      slope: the larger of the two.
      terms: the size of what the cotangents are the sum of.
      eps: the unit roundoff.
      step: of the difference.
    """
    return SECOND_SLOPE * slope + SECOND_SLOPE_ROUNDING * eps / step * terms


def _roundings(term: float, eps: float) -> float:
    """A factor times a unit roundoff; of half precision's, few are enough."""
    return eps * (term if eps < SINGLE else min(term, HALF_INSIDE))


def _top(a: np.ndarray) -> float:
    """The largest finite size."""
    return np.max(np.abs(a), where=np.isfinite(a), initial=0.0)
