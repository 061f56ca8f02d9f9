"""S1: the backward pass is linear in the cotangent."""

from collections.abc import Iterator

import numpy as np

from ..judging._battery import EXAMPLE, NORMAL, NORMAL_3, battery
from ..judging._judge import first_index
from ..judging._point import Arrays, Floats, Point
from ..judging._tolerance import linear_slack
from ..judging._trial import Trial
from ..report._report import Finding


def linearity(trial: Trial) -> bool:
    """S1: bwd is linear in the cotangent."""
    problem, sides = trial.problem, trial.sides
    kinds = dict(battery(problem.floats, (), trial.rng))
    for kind in (EXAMPLE, NORMAL, NORMAL_3) if sides.far else (EXAMPLE,):
        with trial.ledger.one_input_less("S1", kind.name):
            _linear_at(trial, kind.name, kinds[kind])
    return True


def _linear_at(trial: Trial, kind: str, floats: Floats) -> None:
    """Hold bwd to linearity at one input."""
    problem, sides = trial.problem, trial.sides
    one, two = (sides.points(kind, floats, problem.ints)[0] for _ in range(2))
    base = sides.run(problem.rule, one).bars
    other = sides.run(problem.rule, two).bars
    moved = [a + b for a, b in zip(*(sides.jitter(problem.rule, p) for p in (one, two)), strict=True)]
    with np.errstate(invalid="ignore"):
        combined = list(_combined(trial, one, two, base, other))
    for message, got, expected in combined:
        _hold(trial, one.kind, message, (got, expected, base, moved))
    trial.ledger.count("S1", any(np.isfinite(b).any() for b in base))


def _combined(
    trial: Trial, one: Point, two: Point, base: Arrays, other: Arrays
) -> Iterator[tuple[str, Arrays, Arrays]]:
    """Combinations of cotangents: what is wrong if bwd is not linear there, what it gives, and what linearity asks for."""
    run = lambda cots: trial.sides.run(trial.problem.rule, one._replace(cots=tuple(cots))).bars
    for k in (2.0**20, 2.0**-20, -1.0, 0.0, 3.0):
        yield f"bwd({k:g} g) is not {k:g} bwd(g) for", run(k * g for g in one.cots), [k * b for b in base]
    both = run(g + h for g, h in zip(one.cots, two.cots, strict=True))
    yield "bwd(g + h) is not bwd(g) + bwd(h) for", both, [a + b for a, b in zip(base, other, strict=True)]


def _hold(trial: Trial, kind: str, message: str, arrays: tuple[Arrays, Arrays, Arrays, Arrays]) -> None:
    """Hold what bwd gives, argument by argument, to what linearity asks for; of what is not finite it asks nothing."""
    eps, stops = trial.sides.eps, trial.sides.traits.finest
    for name, a, b, r, m in zip(trial.problem.names, *arrays, strict=True):
        finite = np.isfinite(r) & np.isfinite(b)
        base, expected, moved = (np.where(finite, x, 0.0) for x in (r, b, m))
        with np.errstate(invalid="ignore"):
            off = finite & ~(np.abs(a - b) <= linear_slack(base, expected, moved, eps, stops))
        if off.any():
            index = first_index(off)
            trial.ledger.add(Finding("S1", "fail", message, name, index, got=float(a[index]),
                                     expected=float(b[index]), inputs=kind))  # fmt: skip
