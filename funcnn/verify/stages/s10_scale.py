"""S10: long axes, where the errors of a sum grow."""

import math

from .._errors import one_line
from ..judging._judge import Context
from ._resized import MOST_NUMBERS, REFUSALS, accepted, replacing, resize, sizes_of, unless_refused
from .s6_dtypes import judge_rounding

_LONG = {1: (4099, 65537), 2: (257, 4099, 65537, 2**20)}


def _most_equations(length):
    """How large a program may be, to be compiled in reasonable time; Python unrolls some loops."""
    return 1000 if length < 2**16 else 300


def scale(context: Context) -> bool:
    """S10: long axes, in float64 and against autodiff's own error in float32 and bfloat16."""
    if not context.trusted:
        context.skip("S10 scale", "no autodiff to compare with")
        return False
    if context.failed():  # to settle by finite differences what is off at this size takes minutes
        context.skip("S10 scale", "the rule is wrong already")
        return False
    taken = False
    for size in sizes_of(context):
        medium = [accepted(context, resize(context, "", replacing(size, n))) for n in (129, 257)]
        if medium[1]:
            long = [_long(context, size, length, medium) for length in _LONG[context.level]]
            taken = any(long) or _long(context, size, 257, medium) or taken
    if not taken and not any(what.startswith("S10") for what, _ in context.skipped):
        context.skip("S10 scale", "the function takes no longer axes")
    return taken


def _long(context, size, length, medium) -> bool:
    """Judge the axes of one size made long; False where that is refused or too large, as ``medium`` sizes foretell."""
    name = f"axes of {size} made {length}"
    numbers = max(math.prod(length if n == size else n for n in a.shape) for a in context.problem.floats)
    if context.decomposes and length > 257:
        context.skip(f"S10 {name}", "a matrix is decomposed, which takes the cube of that")
        return False
    if numbers > MOST_NUMBERS:
        context.skip(f"S10 {name}", f"too large: an array of {numbers:,}")
        return False
    short, longer = medium
    # What a loop that Python unrolls, or a matrix made while tracing, will come to shows while it is still small.
    equations, largest = (
        int(b * max(b / max(a, 1), 1) ** math.log2(length / 257)) for a, b in zip(short or longer, longer, strict=True)
    )
    if equations > _most_equations(length) or largest > MOST_NUMBERS:
        context.skip(f"S10 {name}", f"too large: some {equations:,} equations, an array of {largest:,}")
        return False
    resized = resize(context, name, replacing(size, length))
    if accepted(context, resized) is None:
        return False
    for point in context.points(*resized):
        unless_refused(context, "S10", point)
    for dtype in ("float32", "bfloat16") if length < 2**16 else ("float32",):
        try:
            judge_rounding(context, "S10", *resized, dtype, length)
        except REFUSALS as error:
            context.skip(f"S10 {resized.kind} {dtype}", f"the rule raises {one_line(error)}")
    return True
