"""S2: every cotangent at the example, and the whole Jacobian where it is small."""

from itertools import islice

import numpy as np

from ..judging._battery import EXAMPLE, LOG_UNIFORM_BAR, NORMAL_BAR, ONE_HOT_BAR, ONES_BAR
from ..judging._point import Point
from ..judging._trial import Trial, judge_at

_ROWS = 32  # of the Jacobian, at most


def jacobian(trial: Trial) -> bool:
    """S2: every kind of cotangent at the example, and the whole Jacobian where it is small."""
    problem, sides = trial.problem, trial.sides
    bars = NORMAL_BAR, LOG_UNIFORM_BAR, ONE_HOT_BAR, ONES_BAR
    points = sides.points(EXAMPLE.name, problem.floats, problem.ints, bars)
    for point in points:
        _judge(trial, point)
    shapes = sides.output_shapes(problem.floats, problem.ints)
    rows = ((j, i) for j, shape in enumerate(shapes) for i in np.ndindex(*shape))
    for j, i in islice(rows, _ROWS):
        hot = [np.zeros(shape) for shape in shapes]
        hot[j][i] = 1.0
        point = Point(f"{EXAMPLE.name}, {ONE_HOT_BAR.name} cotangent", points[0].floats, problem.ints, tuple(hot))
        _judge(trial, point)
    return True


def _judge(trial: Trial, point: Point) -> None:
    with trial.ledger.one_input_less("S2", point.kind):
        judge_at(trial, "S2", point, may_distrust=True)
