"""S6, and S10's share of it: the rule's error in float32 and half precision beside autodiff's own."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from .._errors import one_line
from ..judging._battery import (
    BETWEEN_0_AND_1,
    EXAMPLE,
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
from ..judging._judge import beyond, first_index
from ..judging._point import Arrays, Floats, Ints, Point, largest, nudged_both_ways
from ..judging._sides import Dtypes
from ..judging._tolerance import SAME, Around, around_slack, coarse_slack, growth
from ..judging._traits import EPS, asked_for
from ..judging._trial import Trial
from ..report._report import Finding

# Kinds at which rounding is judged: a smooth function is smooth there, and none overflows in the dtype.
_OWN = (EXAMPLE, NOISE)
_NEAR = (*_OWN, NORMAL, NORMAL_3, POSITIVE)
_SMOOTH = (*_NEAR, NORMAL_30, BETWEEN_0_AND_1, OFFSET, TINY_VARIANCE, LOG_UNIFORM, EXAMPLE_30, NORMAL_300)
_IN_FLOAT16 = (*_NEAR, NORMAL_30, NORMAL_300, THOUSANDS)
_OWN_SCALE = 10  # times the example's: further out, a dtype that nobody asked for is not held against a rule


def dtypes(trial: Trial) -> bool:
    """S6: in float32 and half precision the rule's error is that of autodiff at the same dtype, times a small factor."""
    problem = trial.problem
    if not trial.sides.trusted:
        trial.ledger.skip("S6 dtypes", "no autodiff to compare with")
        return False
    plan: dict[Dtypes, tuple[Kind, ...]] = {"float32": _SMOOTH, "bfloat16": _NEAR}
    own = tuple(str(a.dtype) for a in problem.floats)
    plan |= {"float16": _IN_FLOAT16} if trial.level or "float16" in own else {}
    plan |= {own: _NEAR} if len({*own}) > 1 else {}
    kinds = dict(battery(problem.floats, (), trial.rng))
    kinds[THOUSANDS] = tuple(THOUSANDS.draw(trial.rng, a) for a in problem.floats)
    for dtype, wanted in plan.items():
        for kind in wanted if trial.sides.far else _OWN:
            with trial.ledger.one_input_less("S6", kind.name):
                judge_rounding(trial, "S6", (kind.name, kinds[kind], problem.ints), dtype)
    return True


def judge_rounding(trial: Trial, stage: str, inputs: tuple[str, Floats, Ints], dtype: Dtypes) -> None:
    """Compare with autodiff at the same dtype, or dtypes, by the error of both against float64.

    Cotangents of one sign come second: what is added up then grows, and a total in half precision stands still.
    """
    kind, floats, ints = inputs
    if not trial.problem.halves and dtype in {"bfloat16", "float16"}:
        return
    if dtype in {"bfloat16", "float16"} and any(domain.thin for domain in trial.problem.domains.each):
        trial.ledger.skip(f"{stage} {dtype}", "arguments rounded so far leave their domain")
        return
    if not trial.sides.settles_in(dtype):
        trial.ledger.skip(f"{stage} {_named(dtype)}", trial.sides.too_fine())
        return
    each = (dtype,) * len(floats) if isinstance(dtype, str) else dtype
    for point in trial.sides.points(f"{kind}, {_named(dtype)}", floats, ints, (NORMAL_BAR, POSITIVE_BAR)):
        point = point._replace(floats=_rounded(point.floats, each))
        if not _runs(trial, stage, point, dtype, each):
            return
        outputs = trial.sides.run(trial.problem.bare, point, dtype).outputs
        if all(np.isfinite(y.astype(np.float32)).all() for y in outputs):  # else the value itself overflows
            cots = _rounded(point.cots, [y.dtype for y in outputs])
            _judge(trial, stage, point._replace(cots=cots), dtype, each)


def _runs(trial: Trial, stage: str, point: Point, dtype: Dtypes, each: Sequence[str]) -> bool:
    """Whether both sides run in the dtype. What the function refuses is skipped; what the rule alone does is told."""
    sides, ledger = trial.sides, trial.ledger
    try:
        sides.run(trial.problem.bare, point, dtype)
    except Exception as error:
        ledger.skip(f"{stage} {_named(dtype)}", f"the function itself does not take it: {one_line(error)}")
        return False
    try:
        sides.run(trial.problem.rule, point, dtype)
    except Exception as error:
        status = "fail" if asked_for(trial.problem.floats, each) else "note"
        message = f"in {_named(dtype)}, which the function takes, the rule raises {one_line(error)}"
        ledger.add(Finding(stage, status, message, inputs=point.kind))
        return False
    return True


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


def _judge(trial: Trial, stage: str, point: Point, dtype: Dtypes, each: Sequence[str]) -> None:
    """Hold the rule to autodiff's error; where it is larger, look around the point before that is a finding.

    By chance autodiff's errors may be small just here, and the rule's large; or a rounding decides, at a kink.
    """
    here = _errors(trial, point, dtype)
    trial.ledger.count(stage, any(np.isfinite(e.truth).any() for e in here))
    length = max((n for a in point.floats for n in a.shape), default=1)
    slacks = [coarse_slack(e.truth, e.peer, EPS[d], _tiny(d), length) for e, d in zip(here, each, strict=True)]
    off = [e.rule > slack for e, slack in zip(here, slacks, strict=True)]
    if not any(mask.any() for mask in off):
        return
    moved = nudged_both_ways(point, min(EPS[d] for d in each), trial.rng)
    around = [_errors(trial, at._replace(floats=_rounded(at.floats, each)), dtype) for at in moved]
    sizes = _sizes(trial, point)
    columns = zip(trial.problem.names, each, trial.sides.typical, off, here, *around, strict=True)
    for name, d, typical, mask, first, *others in columns:
        wrong = mask & _worse_around(first, others, d, length, sizes, typical)
        if wrong.any():
            index = first_index(wrong)
            message = f"far less exact than autodiff in {_named(dtype)}, in the cotangent of"
            trial.ledger.add(Finding(
                stage, _gravity(trial, point, dtype, each), message, name, index,
                got=float(first.got[index]), expected=float(first.truth[index]), inputs=point.kind,
            ))  # fmt: skip


class _Sizes(NamedTuple):
    """Of what may be rounded at a point.

    Attributes:
      exponent: how large an exponent may be.
      cancelling: the terms that may cancel, for a typical cotangent of 1.
      cots: the cotangents of the results.
    """

    exponent: float
    cancelling: float
    cots: float


def _sizes(trial: Trial, point: Point) -> _Sizes:
    """An offset of the inputs is a factor of what may cancel once, as in v · y_bar, and not of its square as well."""
    example, values = trial.problem.floats, trial.sides.run(trial.problem.bare, point, "float64").outputs
    offset, spread = growth(example, point.floats, largest), growth(example, point.floats, _spread)
    cots = largest(point.cots)
    return _Sizes(max(largest(values), offset), cots * max(spread, offset**0.5), cots)


def _worse_around(
    first: _Errors, others: list[_Errors], dtype: str, length: int, sizes: _Sizes, typical: float
) -> np.ndarray:
    """Where the rule is less exact than autodiff at the point and around it.

    Args:
      first: at the point.
      others: around it.
      dtype: of the argument.
      length: of the longest axis.
      sizes: of what may be rounded.
      typical: how large the cotangent is at the example for a cotangent of 1.
    """
    u = EPS[dtype]
    slack = coarse_slack(first.truth, np.max([first.peer, *(e.peer for e in others)], axis=0), u, _tiny(dtype), length)
    with np.errstate(invalid="ignore"):
        moving = np.fmax.reduce([np.abs(e.got - first.got) for e in others])
    around = Around(moving, sizes.exponent, sizes.cancelling * typical, sizes.cots * typical)
    return np.fmin(first.rule, _usual_error(first, others)) > slack + around_slack(first.truth, around, u)


def _usual_error(first: _Errors, others: list[_Errors]) -> np.ndarray:
    """The rule's median error at the point and around it, of those places where the truth is nearly the same.

    Where a rounding of the inputs makes other numbers of them, what the rule does there says nothing of here.
    """
    top = np.abs(first.truth).max(initial=0, where=np.isfinite(first.truth))
    with np.errstate(invalid="ignore"):
        near = [np.where(np.abs(e.truth - first.truth) <= SAME * top, e.rule, np.nan) for e in others]
    return np.nanmedian([first.rule, *near], axis=0)


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


def _gravity(trial: Trial, point: Point, dtype: Dtypes, each: Sequence[str]) -> str:
    """What is coarser than the example counts at the example's own scale, where the rule's own value is exact."""
    if asked_for(trial.problem.floats, each):
        return "fail"
    example = trial.problem.floats
    usual = largest([a.astype(np.float64) for a in example]) or 1.0
    for a, b in zip(point.floats, example, strict=True):
        if largest([a]) > _OWN_SCALE * (largest([b.astype(np.float64)]) or usual):
            return "note"
    outputs = [trial.sides.run(trial.problem.rule, point, dtype).outputs]
    outputs += [trial.sides.run(trial.problem.bare, point, d).outputs for d in (dtype, "float64")]
    for y, peer, value in zip(*outputs, strict=True):
        u, tiny = EPS[str(y.dtype)], _tiny(str(y.dtype))
        y, peer = y.astype(np.float64), peer.astype(np.float64)
        if beyond(y, value, coarse_slack(value, np.abs(peer - value), u, tiny, 1)).any():
            return "note"
    return "fail"


def _named(dtype: Dtypes) -> str:
    return dtype if isinstance(dtype, str) else "the example's dtypes"


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
