"""S10: long axes, where the errors of a sum grow."""

import math

from .._errors import one_line
from ..judging._trial import Trial
from ._resized import MOST_NUMBERS, Resized, accepted, replacing, resize, sizes_of, unless_refused
from .s6_dtypes import judge_rounding

_LONG = {1: (4099, 65537), 2: (257, 4099, 65537, 2**20)}
_MEDIUM = (129, 257)  # by which the cost of a long axis is foreseen


def scale(trial: Trial) -> bool:
    """S10: long axes, in float64 and against autodiff's own error in float32 and bfloat16."""
    ledger = trial.ledger
    if not trial.sides.trusted:
        ledger.skip("S10 scale", "no autodiff to compare with")
        return False
    if ledger.failed():  # to settle by finite differences what is off at this size takes minutes
        ledger.skip("S10 scale", "the rule is wrong already")
        return False
    taken, skipped = False, len(ledger.skipped)
    for size in sizes_of(trial):
        medium = [accepted(trial, resize(trial, "", replacing(size, n))) for n in _MEDIUM]
        if medium[1]:
            extents = medium[0] or medium[1], medium[1]
            long = [_long(trial, size, length, extents) for length in _LONG[trial.level]]
            taken = any(long) or _long(trial, size, _MEDIUM[1], extents) or taken
    if not taken and len(ledger.skipped) == skipped:
        ledger.skip("S10 scale", "the function takes no longer axes")
    return taken


def _long(trial: Trial, size: int, length: int, extents: tuple[tuple[int, int], tuple[int, int]]) -> bool:
    """Judge the axes of one size made long; False where that is refused or too large, as shorter ones foretell."""
    name = f"axes of {size} made {length}"
    why = _too_large(trial, size, length, extents)
    if why:
        trial.ledger.skip(f"S10 {name}", why)
        return False
    resized = resize(trial, name, replacing(size, length))
    if accepted(trial, resized) is None:
        return False
    if all(unless_refused(trial, "S10", point) for point in resized.points(trial)):
        for dtype in ("float32", "bfloat16") if length < 2**16 else ("float32",):
            _rounding_unless_refused(trial, resized, dtype)
    return True


def _too_large(trial: Trial, size: int, length: int, extents: tuple[tuple[int, int], tuple[int, int]]) -> str:
    """Why axes of one size cannot be made so long; "" where they can.

    What a loop that Python unrolls, or a matrix made while tracing, will come to shows while it is still small.
    """
    if trial.sides.traits.decomposes and length > _MEDIUM[1]:
        return "a matrix is decomposed, which takes the cube of that"
    numbers = max(math.prod(length if n == size else n for n in a.shape) for a in trial.problem.floats)
    if numbers > MOST_NUMBERS:
        return f"too large: an array of {numbers:,}"
    doublings = math.log2(length / _MEDIUM[1])
    equations, largest = (int(b * max(b / max(a, 1), 1) ** doublings) for a, b in zip(*extents, strict=True))
    if equations > _most_equations(length) or largest > MOST_NUMBERS:
        return f"too large: some {equations:,} equations, an array of {largest:,}"
    return ""


def _most_equations(length: int) -> int:
    """How large a program may be, to be compiled in reasonable time; Python unrolls some loops."""
    return 1000 if length < 2**16 else 300


def _rounding_unless_refused(trial: Trial, resized: Resized, dtype: str) -> None:
    try:
        judge_rounding(trial, "S10", (resized.kind, resized.floats, resized.ints), dtype)
    except Exception as error:
        trial.ledger.skip(f"S10 {resized.kind} {dtype}", f"the rule raises {one_line(error)}")
