"""S2: every cotangent at the example, and the whole Jacobian where it is small."""

import numpy as np

from ..judging._judge import Context
from ..judging._point import Point


def jacobian(context: Context) -> None:
    """S2: every kind of cotangent at the example, and the whole Jacobian where it is small."""
    problem = context.problem
    kinds = ("normal", "log-uniform", "one-hot", "ones")
    for point in context.points("the example", problem.floats, problem.ints, kinds):
        context.compare("S2", point)
    shapes = context.output_shapes(problem.floats, problem.ints)
    for j, i in [(j, i) for j, shape in enumerate(shapes) for i in np.ndindex(*shape)][:32]:
        hot = [np.zeros(shape) for shape in shapes]
        hot[j][i] = 1.0
        context.compare("S2", Point("the example, one-hot cotangent", problem.floats, problem.ints, tuple(hot)))
