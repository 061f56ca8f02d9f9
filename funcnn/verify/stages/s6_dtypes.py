"""S6, and S10's share of it: the rule's error in float32 and half precision beside autodiff's own."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ..judging._battery import (
    BETWEEN_0_AND_1,
    EXAMPLE_30,
    LOG_UNIFORM,
    NOISE,
    NORMAL,
    NORMAL_3,
    NORMAL_30,
    NORMAL_300,
    NORMAL_BAR,
    OFFSET,
    POSITIVE,
    POSITIVE_BAR,
    THOUSANDS,
    TINY_VARIANCE,
    Kind,
    battery,
)
from ..judging._judge import first_index
from ..judging._point import Arrays, Floats, Ints, Point, largest, nudged_both_ways
from ..judging._sides import Dtypes
from ..judging._tolerance import BEND, SINGLE, coarse_slack, growth, single_slack
from ..judging._traits import EPS
from ..judging._trial import Trial
from ..report._report import Finding

# Kinds at which rounding is judged: a smooth function is smooth there, and none overflows in the dtype.
_NEAR = (NOISE, NORMAL, NORMAL_3)
_SMOOTH = (*_NEAR, NORMAL_30, POSITIVE, BETWEEN_0_AND_1, OFFSET, TINY_VARIANCE, LOG_UNIFORM, EXAMPLE_30, NORMAL_300)
_IN_FLOAT16 = (*_NEAR, NORMAL_30, NORMAL_300, THOUSANDS)


def dtypes(trial: Trial) -> bool:
    """S6: in float32 and half precision the rule's error is that of autodiff at the same dtype, times a small factor."""
    problem = trial.problem
    if not trial.sides.trusted:
        trial.ledger.skip("S6 dtypes", "no autodiff to compare with")
        return False
    plan: dict[Dtypes, tuple[Kind, ...]] = {"float32": _SMOOTH, "bfloat16": _NEAR}
    plan |= {"float16": _IN_FLOAT16} if trial.level else {}
    own = tuple(str(a.dtype) for a in problem.floats)
    plan |= {own: _NEAR} if len({*own}) > 1 else {}
    kinds = dict(battery(problem.floats, (), trial.rng))
    kinds[THOUSANDS] = tuple(THOUSANDS.draw(trial.rng, a) for a in problem.floats)
    for dtype, wanted in plan.items():
        for kind in wanted if trial.sides.far else _NEAR[:1]:
            judge_rounding(trial, "S6", (kind.name, kinds[kind], problem.ints), dtype)
    return True


def judge_rounding(trial: Trial, stage: str, inputs: tuple[str, Floats, Ints], dtype: Dtypes, length: int = 1) -> None:
    """Compare with autodiff at the same dtype, or dtypes, by the error of both against float64.

    A sum over ``length`` numbers, one after the other, may lose as many roundings as a small part of that.
    """
    kind, floats, ints = inputs
    if not trial.problem.halves and dtype in {"bfloat16", "float16"}:
        return
    each = (dtype,) * len(floats) if isinstance(dtype, str) else dtype
    named = dtype if isinstance(dtype, str) else "the example's dtypes"
    cotangents = (NORMAL_BAR, POSITIVE_BAR) if length > 1 else (NORMAL_BAR,)
    for point in trial.sides.points(f"{kind}, {named}", floats, ints, cotangents):
        point = point._replace(floats=_rounded(point.floats, each))
        try:
            outputs = trial.sides.run(trial.problem.bare, point, dtype).outputs
        except (TypeError, ValueError, NotImplementedError):
            trial.ledger.skip(f"{stage} {named}", "the function itself does not take it")
            return
        if all(np.isfinite(y.astype(np.float32)).all() for y in outputs):  # else the value itself overflows
            cots = _rounded(point.cots, [y.dtype for y in outputs])
            _judge(trial, stage, point._replace(cots=cots), dtype, each, length)


class _Errors(NamedTuple):
    """Of one argument's cotangent, in a dtype.

    Attributes:
      got, truth: the rule's result in that dtype, and the truth in float64.
      rule, peer: how far the rule and autodiff are off.
    """

    got: np.ndarray
    truth: np.ndarray
    rule: np.ndarray
    peer: np.ndarray


def _judge(trial: Trial, stage: str, point: Point, dtype: Dtypes, each: Sequence[str], length: int) -> None:
    """Hold the rule to autodiff's error; where it is larger, look around the point before that is a finding.

    By chance autodiff's errors may be small just here, and the rule's large; or a rounding decides, at a kink.
    """
    here = _errors(trial, point, dtype)
    trial.ledger.count(stage, any(np.isfinite(e.truth).any() for e in here))
    slacks = [coarse_slack(e.truth, e.peer, EPS[d], _tiny(d), length) for e, d in zip(here, each, strict=True)]
    off = [e.rule > slack for e, slack in zip(here, slacks, strict=True)]
    if not any(mask.any() for mask in off):
        return
    moved = nudged_both_ways(point, min(EPS[d] for d in each), trial.rng)
    around = [_errors(trial, at._replace(floats=_rounded(at.floats, each)), dtype) for at in moved]
    values = trial.sides.run(trial.problem.bare, point, "float64").outputs
    example = trial.problem.floats
    exponent = max(largest(values), growth(example, point.floats, largest))
    cancelling = largest(point.cots) * growth(example, point.floats, _spread)
    columns = zip(trial.problem.names, each, trial.sides.typical, off, here, *around, strict=True)
    for name, d, typical, mask, first, *others in columns:
        wrong = mask & _worse_around(first, others, d, length, exponent, cancelling * typical)
        if wrong.any():
            index = first_index(wrong)
            message = f"far less exact than autodiff in {dtype}, in the cotangent of"
            trial.ledger.add(Finding(stage, _gravity(trial, stage, each), message, name, index, got=float(first.got[index]),
                                     expected=float(first.truth[index]), inputs=point.kind))  # fmt: skip


def _worse_around(
    first: _Errors, others: list[_Errors], dtype: str, length: int, exponent: float, usual: float
) -> np.ndarray:
    """Where the rule is less exact than autodiff at the point and around it.

    Args:
      first: at the point.
      others: around it.
      dtype: of the argument.
      length: of the longest sum.
      exponent: how large an exponent may be.
      usual: how large the terms are that may cancel.
    """
    u = EPS[dtype]
    slack = coarse_slack(first.truth, np.max([first.peer, *(e.peer for e in others)], axis=0), u, _tiny(dtype), length)
    with np.errstate(invalid="ignore"):
        bend = np.fmax.reduce([np.abs(e.truth - first.truth) for e in others])
        moving = np.fmax.reduce([np.abs(e.got - first.got) for e in others])
    bend = np.fmax(bend, np.nanmedian(bend) if np.isfinite(bend).any() else 0.0)  # by chance one may not have moved
    slack = slack + BEND * bend
    if u < SINGLE:
        slack = slack + single_slack(first.truth, moving, u, exponent, usual)
    typical_error = np.median([first.rule, *(e.rule for e in others)], axis=0)
    return np.fmin(first.rule, typical_error) > slack


def _errors(trial: Trial, point: Point, dtype: Dtypes) -> list[_Errors]:
    """For each argument; 0 for the rule where truth or autodiff is not finite: there is nothing to hold it to."""
    bare, rule = trial.problem.bare, trial.problem.rule
    runs = (rule, dtype), (bare, dtype), (bare, "float64"), (rule, "float64")
    sides = [[a.astype(np.float64) for a in trial.sides.run(side, point, d).bars] for side, d in runs]
    errors = []
    for got, peer, truth, own in zip(*sides, strict=True):
        with np.errstate(invalid="ignore", over="ignore"):
            off = np.fmin(np.abs(got - truth), np.abs(got - own))  # at a kink its own choice stands
            known = np.isfinite(truth) & np.isfinite(peer)
            off = np.where(known, np.where(np.isnan(off), np.inf, off), 0.0)
            errors.append(_Errors(got, truth, off, np.where(known, np.abs(peer - truth), 0.0)))
    return errors


def _gravity(trial: Trial, stage: str, each: Sequence[str]) -> str:
    """Long sums in half precision are held against a rule only if half precision is what its example is in."""
    half = {d for d in each if d in {"bfloat16", "float16"}}
    return "note" if stage == "S10" and half - {str(a.dtype) for a in trial.problem.floats} else "fail"


def _spread(arrays: Arrays) -> float:
    """The largest distance of a number from the middle of its array; of a number alone, its size.

    No offset of the inputs makes up for what it lets a rule cancel.
    """
    return largest([a - (np.mean(a) if a.size > 1 else 0) for a in arrays])


def _tiny(dtype: str) -> float:
    return float(jnp.finfo(dtype).tiny)


def _rounded(arrays: Arrays, dtypes: Sequence[str | np.dtype]) -> Floats:
    """Each array as its dtype has it, in float64."""
    return tuple(np.asarray(a).astype(jnp.dtype(d)).astype(np.float64) for a, d in zip(arrays, dtypes, strict=True))
