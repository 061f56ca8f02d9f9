"""S4: finite differences confirm the truth itself."""

import numpy as np

from ..judging._battery import NEAR, battery
from ..judging._finite_differences import slope_along
from ..judging._judge import Context
from ..judging._point import ravel
from ..judging._scalar_at import scalar_at


def reference_holds(context: Context) -> None:
    """S4: finite differences along random directions confirm the truth itself, where they are steady."""
    problem = context.problem
    kinds = dict(battery(problem.floats, (), context.rng))
    for kind in NEAR[:2] if context.trusted else ():
        point = context.points(kind, kinds[kind], problem.ints)[0]
        scalar, truth = scalar_at(context, point), ravel(context.run(problem.bare, point, "float64")[1])
        for _ in range(2):
            direction = context.rng.normal(size=scalar.x.size)
            slope, error = slope_along(scalar, direction)
            expected = float(truth @ direction)
            sure = error < 1e-3 * abs(slope) + 1e-9 * np.abs(truth * direction).max(initial=0)
            if sure and abs(slope - expected) > 10 * error + 1e-3 * np.abs(truth * direction).sum() + 1e-9 * abs(slope):
                message = "autodiff of the function, with which the rule was compared, is not its slope"
                context.add("S4", "inconclusive", message, got=expected, expected=slope, inputs=point.kind)
