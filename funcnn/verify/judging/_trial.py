"""One check under way, and the one way that a point takes through it: measured, judged, recorded."""

from typing import NamedTuple

import numpy as np

from ..report._report import Finding
from ._finite_differences import differences
from ._judge import Judgement, defined, judge
from ._ledger import Ledger
from ._likely_cause import guess_cause
from ._point import Measured, Point, error_map, place, ravel
from ._problem import Problem
from ._scalar_at import scalar_at
from ._sides import Sides
from ._verdict import Verdict, decide

_MOST_BY_DIFFERENCES = 64  # numbers in the arguments, where finite differences are all there is to judge by


class Trial(NamedTuple):
    """What the stages of a check share.

    Attributes:
      problem: what is checked.
      sides: what measures.
      ledger: what records.
      rng: where draws come from.
      level: how thoroughly, 0, 1 or 2.
    """

    problem: Problem
    sides: Sides
    ledger: Ledger
    rng: np.random.Generator
    level: int


def judge_at(trial: Trial, stage: str, point: Point, worst: str = "fail", may_distrust: bool = False) -> None:
    """Measure both sides at a point, judge the rule's cotangents, and record what is wrong.

    Args:
      trial: the check under way.
      stage: for which it is.
      point: where.
      worst: the status of a failure, "fail" or "note".
      may_distrust: whether autodiff is not trusted from here on, if finite differences contradict it.
    """
    sides, ledger = trial.sides, trial.ledger
    if not sides.trusted and ravel(point.floats).size > _MOST_BY_DIFFERENCES:
        ledger.skip(stage, "autodiff is not trusted here, and there are too many elements for finite differences")
        return
    measured, judgement = _judged(trial, point)
    ledger.count(stage, defined(measured) and any(np.isfinite(t).any() for t in measured.truth))
    if not judgement.wrong.any():
        return
    verdict = decide(scalar_at(sides, point), ravel(measured.rule), ravel(measured.truth), judgement.wrong, trial.rng)
    if judgement.at_kinks and not (verdict.status == "fail" and verdict.kink):
        return
    if verdict.status == "pass" and verdict.smooth and sides.trusted and may_distrust:
        sides.trusted = False
        ledger.add(
            Finding(stage, "note", "finite differences contradict autodiff of the function, and are trusted instead")
        )
        judge_at(trial, stage, point, worst)
    elif np.isfinite(ravel(point.floats)).all() or (verdict.status != "inconclusive" and sides.finite_op_by_op(point)):
        _record(trial, stage, measured, verdict, judgement, worst)


def _judged(trial: Trial, point: Point) -> tuple[Measured, Judgement]:
    """What both sides gave and where that is wrong; how far rounding moves it is measured only where it must be known."""
    sides, tolerance = trial.sides, trial.sides.tolerance(point)
    measured = sides.measure(point)
    if sides.trusted:
        judgement = judge(measured, tolerance)
        if not judgement.wrong.any() or not defined(measured):
            return measured, Judgement(np.zeros(0, bool))
        measured = sides.with_noise(measured)
    else:
        truth, noise = differences(scalar_at(sides, point), [a.shape for a in point.floats])
        measured = measured._replace(truth=truth, noise=noise)
    return measured, judge(measured, tolerance)


def _record(trial: Trial, stage: str, measured: Measured, verdict: Verdict, judgement: Judgement, worst: str) -> None:
    """Record a verdict as a finding; a pass is a note where it has a reason."""
    point, names = measured.point, trial.problem.names
    i = verdict.place if verdict.place >= 0 else int(np.flatnonzero(judgement.wrong)[0])
    leaf, index = place(i, point.floats)
    if verdict.status == "pass":
        if verdict.why:
            trial.ledger.add(Finding(stage, "note", verdict.why, names[leaf], inputs=point.kind))
        return
    rule, truth = measured.rule[leaf], measured.truth[leaf]
    status = "note" if worst == "note" else verdict.status
    why = verdict.why
    if not trial.sides.trusted and status == "fail":
        why = "finite differences from both sides agree against it"
    others = [t for j, t in enumerate(measured.truth) if j != leaf]
    trial.ledger.add(Finding(
        stage, status, f"{why}, in the cotangent of", names[leaf], index,
        got=float(ravel(measured.rule)[i]), expected=float(verdict.expected), inputs=point.kind,
        guess=guess_cause(rule, truth, point.floats[leaf], others), errors=error_map(rule, truth),
    ))  # fmt: skip
