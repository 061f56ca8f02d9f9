"""One check under way, and the one way that a point takes through it: measured, judged, recorded."""

from typing import NamedTuple

import numpy as np

from ..report._report import Finding
from ._by_differences import Said, Settled, settle
from ._iterated import Further, go_on
from ._judge import defined, judge
from ._ledger import NOTHING_TO_COMPARE, Alone, Ledger
from ._likely_cause import guess_cause
from ._point import Measured, Point, error_map, place, ravel
from ._problem import Problem
from ._scalar_at import scalar_at, unraveling
from ._sides import Sides
from ._staircase import decide_around, is_staircase
from ._verdict import decide

_MOST_BY_DIFFERENCES = 64  # numbers of a point that are all judged so, where differences are all there is to judge by
_DRAWN = 6  # numbers that are judged so, where there are more, and beside autodiff


class Trial(NamedTuple):
    """What the stages of a check share.

    Attributes:
      problem: what is checked.
      sides: what measures.
      ledger: what records.
      rng: where draws come from.
      level: how thoroughly, 0, 1 or 2.
      surrogate: whether the rule is meant to differ from the derivative.
    """

    problem: Problem
    sides: Sides
    ledger: Ledger
    rng: np.random.Generator
    level: int
    surrogate: bool = False


def judge_at(trial: Trial, stage: str, point: Point, worst: str = "fail", may_distrust: bool = False) -> None:
    """Measure both sides at a point, judge the rule's cotangents, and record what is wrong.

    Autodiff judges where it is finite, and where it disagrees finite differences decide. Where it is not, or is not to be
    trusted, they judge alone.

    Args:
      trial: the check under way.
      stage: for which it is.
      point: where.
      worst: the status of a failure, "fail" or "note".
      may_distrust: whether autodiff is not trusted from here on, if finite differences contradict it.
    """
    sides, ledger = trial.sides, trial.ledger
    measured = sides.measure(point)
    if not defined(measured, trial.problem.referenced):
        return
    compared = False
    if sides.trusted:
        compared = any(np.isfinite(t).any() for t in measured.truth)
        if not _by_autodiff(trial, stage, measured, worst, may_distrust):
            sides.trusted = False
            why = "finite differences contradict autodiff of the function, and are trusted instead"
            ledger.add(Finding(stage, "note", why))
            measured, compared = sides.measure(point), False
    compared |= _by_differences(trial, stage, measured, worst)
    ledger.count(stage, compared)


def conclude(trial: Trial) -> None:
    """Say of which arguments nothing was compared where autodiff says nothing, and whether nothing was compared at all."""
    ledger = trial.ledger
    for name, alone in ledger.alone.items():
        if alone.unsettled and not alone.settled:
            message = f"{NOTHING_TO_COMPARE}: autodiff is not finite and finite differences are not steady, for"
            ledger.add(Finding(alone.stage, "inconclusive", message, name, inputs=alone.kind))
        elif alone.unsettled:
            why = f"numbers of {name} without autodiff or steady differences: {alone.unsettled}, first at {alone.kind}"
            ledger.skip(f"{alone.stage} {NOTHING_TO_COMPARE}", why)
    if not (ledger.compared["S2"] or ledger.compared["S3"] or ledger.alone or ledger.failed()):
        message = f"{NOTHING_TO_COMPARE}: at no point does the function have a value and a slope"
        ledger.add(Finding("S3", "inconclusive", message))


def _by_autodiff(trial: Trial, stage: str, measured: Measured, worst: str, may_distrust: bool) -> bool:
    """Judge by autodiff, and where it disagrees by finite differences; False where they contradict it, and may."""
    sides, point = trial.sides, measured.point
    tolerance = sides.tolerance(point)
    if not judge(measured, tolerance).wrong.any():
        return True
    measured = sides.with_noise(measured)
    judgement = judge(measured, tolerance)
    if not judgement.wrong.any():
        return True
    further = go_on(sides, measured)
    if further is not Further.DIFFER:
        _list_unsettled(trial, stage, further)
        return True
    if trial.problem.referenced and _finite_only_in_the_reference(trial, stage, measured, judgement.wrong, worst):
        return True
    rule, truth = ravel(measured.rule), ravel(measured.truth)
    if is_staircase(sides):
        verdict = decide_around(sides, measured, judgement.wrong)
    else:
        verdict = decide(scalar_at(sides, point), rule, truth, judgement.wrong, trial.rng)
    if judgement.at_kinks and not (verdict.status == "fail" and verdict.kink):
        return True
    if verdict.status == "pass" and verdict.smooth and may_distrust:
        return False
    if np.isfinite(ravel(point.floats)).all() or (verdict.status != "inconclusive" and sides.finite_op_by_op(point)):
        if verdict.status != "pass":
            _record(trial, stage, measured, (verdict.status, verdict.why, verdict.place, verdict.expected), worst)
        elif verdict.why:
            leaf, _ = place(int(np.flatnonzero(judgement.wrong)[0]), point.floats)
            trial.ledger.add(Finding(stage, "note", verdict.why, trial.problem.names[leaf], inputs=point.kind))
    return True


def _list_unsettled(trial: Trial, stage: str, further: Further) -> None:
    if further is Further.UNSETTLED:
        trial.ledger.skip(f"{stage} inputs at which loops do not settle", "there is nothing to compare with")


def _finite_only_in_the_reference(trial: Trial, stage: str, measured: Measured, wrong: np.ndarray, worst: str) -> bool:
    """Record a rule that is not finite where the reference's gradient is, though the value is infinite."""
    if all(np.isfinite(y.astype(np.float64)).all() for y in measured.values):
        return False
    lost = np.flatnonzero(wrong & ~np.isfinite(ravel(measured.rule)))
    truth = ravel(trial.sides.truth_op_by_op(measured.point)) if lost.size else np.zeros(0)
    lost = [int(i) for i in lost if np.isfinite(truth[i])]
    if lost:
        why = "not finite, where the reference's gradient is"
        _record(trial, stage, measured, ("fail", why, lost[0], float(truth[lost[0]])), worst)
    return bool(lost)


def _by_differences(trial: Trial, stage: str, measured: Measured, worst: str) -> bool:
    """Judge by finite differences alone what autodiff says nothing of; whether they settled anything."""
    sides, ledger, point = trial.sides, trial.ledger, measured.point
    x, rule = ravel(point.floats), ravel(measured.rule)
    truth = ravel(measured.truth) if sides.trusted else np.full(x.size, np.nan)
    places = np.flatnonzero(np.isfinite(x) & ~np.isfinite(truth))
    if places.size and sides.trusted and go_on(sides, measured) is Further.UNSETTLED:
        _list_unsettled(trial, stage, Further.UNSETTLED)
        return False
    if places.size > (_DRAWN if sides.trusted else _MOST_BY_DIFFERENCES):
        places = np.sort(trial.rng.choice(places, _DRAWN, replace=False))
    if is_staircase(sides):
        said = [Said(i, Settled.UNSETTLED, np.nan) for i in places.tolist()]
    else:
        said = list(settle(scalar_at(sides, point), rule, places.tolist(), trial.rng)) if places.size else []
    for i, settled, expected in said:
        alone = ledger.alone.setdefault(trial.problem.names[place(i, point.floats)[0]], Alone())
        alone.settled += settled.compared
        if settled is Settled.UNSETTLED:
            alone.unsettled += 1
            alone.stage, alone.kind = alone.stage or stage, alone.kind or point.kind
        truth[i] = expected
    against = [one for one in said if one.settled.wrong]
    if against:
        i, settled, expected = against[0]
        parts = unraveling(point.floats)(truth)
        no_better = sides.trusted and not np.isfinite(rule[i]) and stage != "S2"
        _record(trial, stage, measured._replace(truth=parts), ("fail", settled.value, i, expected),
                "note" if no_better else worst)  # fmt: skip
    return any(one.settled.compared for one in said)


def _record(trial: Trial, stage: str, measured: Measured, said: tuple[str, str, int, float], worst: str) -> None:
    """Record what is said of a number, a status, a reason and what is expected, as a finding."""
    status, why, i, expected = said
    point, (leaf, index) = measured.point, place(i, measured.point.floats)
    rule, truth = measured.rule[leaf], measured.truth[leaf]
    others = [t for j, t in enumerate(measured.truth) if j != leaf]
    trial.ledger.add(Finding(
        stage, "note" if worst == "note" else status, f"{why}, in the cotangent of", trial.problem.names[leaf], index,
        got=float(ravel(measured.rule)[i]), expected=float(expected), inputs=point.kind,
        guess=guess_cause(rule, truth, point.floats[leaf], others), errors=error_map(rule, truth),
    ))  # fmt: skip
