"""The stages of a check at the example's own shapes. Each takes the context and adds what it finds."""

import numpy as np

from ..judging._battery import NEAR, battery, int_variants, negative
from ..judging._judge import Context, same_value
from .s3_branches import branches


def inputs(context: Context) -> None:
    """S3 and S5: the battery, kinks included."""
    problem = context.problem
    sizes = {n for a in problem.floats for n in a.shape} | context.indexed
    variants = list(int_variants(problem.ints, sorted(sizes), context.marks, context.wraps, context.rng))
    cots = ("normal",) if context.level == 0 else ("normal", "log-uniform", "one-hot")
    tried = []
    for kind, floats in battery(problem.floats, context.constants, context.rng):
        if not context.far and kind not in NEAR:
            continue
        if context.decomposes and not all(np.isfinite(a).all() for a in floats):
            context.skip("S3 infinite inputs", "a matrix is decomposed, which might never end")
            continue
        for suffix, ints in variants if kind in {"the example", "normal"} else variants[:2]:
            for point in context.points(kind + suffix, floats, ints, cots):
                context.compare("S3", point)
                tried.append(point)
                if context.trusted and not problem.referenced:
                    both = (context.run(side, point)[0] for side in (problem.rule, problem.bare))
                    for y, value in zip(*both, strict=True):
                        same_value(context, y, value.astype(y.dtype), point.kind)
    branches(context, tried)
    if not context.far:
        why = "a loop that counts no steps might never end there" if context.trusted else "no autodiff to compare with"
        context.skip("S3 far from the example", why)
    elif any(a is not b for a, b in zip(problem.ints, negative(problem.ints), strict=True)):
        for point in context.points("indices counted from the end", problem.floats, negative(problem.ints)):
            context.compare("S3", point, worst="note")
