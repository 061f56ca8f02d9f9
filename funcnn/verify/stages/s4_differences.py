"""S4: finite differences confirm the truth itself."""

import numpy as np

from ..judging._battery import EXAMPLE, NOISE, battery
from ..judging._finite_differences import slope_along
from ..judging._point import Floats, ravel
from ..judging._scalar_at import scalar_at
from ..judging._staircase import STAIRCASE, is_staircase
from ..judging._tolerance import SLOPE_APART, SLOPE_ERRORS, SLOPE_FLOOR, SLOPE_SURE
from ..judging._trial import Trial
from ..report._report import Finding


def differences(trial: Trial) -> bool:
    """S4: finite differences along random directions confirm the truth itself, where they are steady."""
    if is_staircase(trial.sides):
        trial.ledger.skip("S4 differences", STAIRCASE)
        return False
    kinds = dict(battery(trial.problem.floats, (), trial.rng))
    for kind in (EXAMPLE, NOISE) if trial.sides.trusted else ():
        with trial.ledger.one_input_less("S4", kind.name):
            _confirm(trial, kind.name, kinds[kind])
    return True


def _confirm(trial: Trial, kind: str, floats: Floats) -> None:
    """Hold the truth to its slope along two directions, of numbers of which autodiff says something."""
    problem, sides = trial.problem, trial.sides
    point = sides.points(kind, floats, problem.ints)[0]
    scalar, truth = scalar_at(sides, point), ravel(sides.run(problem.bare, point, "float64").bars)
    finite = np.isfinite(truth)
    for _ in range(2 if finite.any() else 0):
        direction = np.where(finite, trial.rng.normal(size=scalar.x.size), 0.0)
        slope, error = slope_along(scalar, direction)
        terms = np.where(finite, truth, 0.0) * direction
        expected, terms = float(terms.sum()), np.abs(terms)
        sure = error < SLOPE_SURE * abs(slope) + SLOPE_FLOOR * terms.max(initial=0)
        slack = SLOPE_ERRORS * error + SLOPE_APART * terms.sum() + SLOPE_FLOOR * abs(slope)
        trial.ledger.count("S4", sure)
        if sure and abs(slope - expected) > slack:
            message = "autodiff of the function, with which the rule was compared, is not its slope"
            trial.ledger.add(Finding("S4", "inconclusive", message, got=expected, expected=slope, inputs=point.kind))
