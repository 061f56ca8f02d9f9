"""S6, and S10's share of it: the rule's error in float32 and half precision beside autodiff's own."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ..judging._battery import battery
from ..judging._judge import Context, largest
from ..judging._point import Point, nudged_both_ways
from ..judging._sides import EPS, Dtypes

_NEAR = ("the example, 10 % noise", "normal", "normal x 3")
_SMOOTH = (*_NEAR, "normal x 30", "positive", "between 0 and 1", "offset + 100", "tiny variance", "log-uniform",
           "the example x 30", "normal x 300")  # fmt: skip


def dtypes(context: Context) -> bool:
    """S6: in float32 and half precision the rule's error is that of autodiff at the same dtype, times a small factor."""
    problem = context.problem
    if not context.trusted:
        context.skip("S6 dtypes", "no autodiff to compare with")
        return False
    plan: dict[Dtypes, tuple[str, ...]] = {"float32": _SMOOTH, "bfloat16": _NEAR}
    plan |= {"float16": (*_NEAR, "normal x 30", "normal x 300", "thousands, positive")} if context.level else {}
    own = tuple(str(a.dtype) for a in problem.floats)
    plan |= {own: _NEAR} if len({*own}) > 1 else {}
    kinds = dict(battery(problem.floats, (), context.rng))
    kinds["thousands, positive"] = tuple(
        context.rng.uniform(2e3, 2e4, a.shape) for a in problem.floats
    )  # sums overflow
    for dtype, wanted in plan.items():
        for kind in wanted if context.far else _NEAR[:1]:
            judge_rounding(context, "S6", kind, kinds[kind], problem.ints, dtype)
    return True


def judge_rounding(context: Context, stage: str, kind: str, floats, ints, dtype: Dtypes, length: int = 1) -> None:
    """Compare with autodiff at the same dtype, or dtypes, by the error of both against float64.

    A sum over ``length`` numbers, one after the other, may lose as many roundings as a small part of that.
    """
    each = (dtype,) * len(floats) if isinstance(dtype, str) else dtype
    named = dtype if isinstance(dtype, str) else "the example's dtypes"
    floats = tuple(_rounded(a, d) for a, d in zip(floats, each, strict=True))
    cotangents = ("normal", "positive") if length > 1 else ("normal",)
    for point in context.points(f"{kind}, {named}", floats, ints, cotangents):
        try:
            outputs = context.run(context.problem.bare, point, dtype)[0]
        except (TypeError, ValueError, NotImplementedError):
            context.skip(f"{stage} {named}", "the function itself does not take it")
            return
        if all(np.isfinite(y.astype(np.float32)).all() for y in outputs):  # else the value itself overflows
            cots = tuple(_rounded(g, y.dtype) for g, y in zip(point.cots, outputs, strict=True))
            _judge(context, stage, point._replace(cots=cots), dtype, each, length)


def _judge(context, stage, point: Point, dtype, each, length):
    here = _errors(context, point, dtype)
    off = [e.rule > _slack(e, e.peer, d, length) for e, d in zip(here, each, strict=True)]
    if not any(mask.any() for mask in off):
        return
    # By chance autodiff's errors may be small just here, and the rule's large; or a rounding decides, at a kink.
    moved = nudged_both_ways(point, min(EPS[d] for d in each), context.rng)
    around = [_errors(context, _rounded_point(at, each), dtype) for at in moved]
    values = context.run(context.problem.bare, point, "float64")[0]
    exponent = max(largest(values), context.growth(point, largest))
    g = largest(point.cots) * context.growth(point, _spread)  # no offset makes up for what it lets a rule cancel
    columns = zip(context.problem.names, each, context.typical, off, here, *around, strict=True)
    for name, d, typical, mask, first, *others in columns:
        peer = np.max([first.peer, *(e.peer for e in others)], axis=0)
        with np.errstate(invalid="ignore"):
            bend = np.fmax.reduce([np.abs(e.truth - first.truth) for e in others])
        bend = np.fmax(bend, np.nanmedian(bend) if np.isfinite(bend).any() else 0.0)  # by chance one may not have moved
        usual = np.median([first.rule, *(e.rule for e in others)], axis=0)
        slack = _slack(first, peer, d, length) + 8 * bend
        if EPS[d] < 2**-12:  # in half precision these would explain too much
            # A rule may keep y, rounded, of which e^(x - y) is made, and x may be a product; a sum may cancel that is of
            # the usual size; and what is far below that size may be nothing but the rule's own rounding, which moves.
            slack += EPS[d] * (2 * exponent * np.abs(first.truth) + 16 * g * typical)
            with np.errstate(invalid="ignore"):
                own = np.fmax.reduce([np.abs(e.got - first.got) for e in others])
            slack += 8 * np.fmin(own, 1e-3 * g * typical)
        mask &= np.fmin(first.rule, usual) > slack
        if mask.any():
            index = tuple(map(int, np.argwhere(mask)[0]))
            context.add(stage, _gravity(context, stage, each), f"far less exact than autodiff in {dtype}, in the "
                        "cotangent of", argument=name, index=index, got=float(first.got[index]),
                        expected=float(first.truth[index]), inputs=point.kind)  # fmt: skip


class _Errors(NamedTuple):
    """Of one argument's cotangent: the rule's result and the truth, and how far rule and autodiff are off in a dtype."""

    got: np.ndarray
    truth: np.ndarray
    rule: np.ndarray
    peer: np.ndarray


def _errors(context, point, dtype) -> list[_Errors]:
    """For each argument; 0 for the rule where truth or autodiff is not finite: there is nothing to hold it to."""
    bare, rule = context.problem.bare, context.problem.rule
    sides = [[a.astype(np.float64) for a in context.run(side, point, d)[1]] for side, d in
             ((rule, dtype), (bare, dtype), (bare, "float64"), (rule, "float64"))]  # fmt: skip
    errors = []
    for got, peer, truth, own in zip(*sides, strict=True):
        with np.errstate(invalid="ignore", over="ignore"):
            off = np.fmin(np.abs(got - truth), np.abs(got - own))  # at a kink its own choice stands
            known = np.isfinite(truth) & np.isfinite(peer)
            off = np.where(known, np.where(np.isnan(off), np.inf, off), 0.0)
            errors.append(_Errors(got, truth, off, np.where(known, np.abs(peer - truth), 0.0)))
    return errors


def _slack(errors: _Errors, peer, dtype, length):
    """What rounding explains: autodiff's own error ``peer``, and some roundings of the dtype."""
    u, tiny = EPS[dtype], float(jnp.finfo(dtype).tiny)
    truth = np.abs(np.where(np.isfinite(errors.truth), errors.truth, 0.0))
    top = truth.max(initial=0)
    rms = np.sqrt(np.mean(peer**2)) if peer.size else 0.0
    return 16 * rms + 8 * peer + u * (16 * truth + 4 * top) + min(u * length / 24, 0.1) * top + tiny


def _gravity(context, stage, each):
    """Long sums in half precision are held against a rule only if half precision is what its example is in."""
    half = {d for d in each if d in {"bfloat16", "float16"}}
    return "note" if stage == "S10" and half - {str(a.dtype) for a in context.problem.floats} else "fail"


def _spread(arrays):
    """The largest distance of a number from the middle of its array; of a number alone, its size."""
    return largest([a - (np.mean(a) if a.size > 1 else 0) for a in arrays])


def _rounded_point(point, each):
    return point._replace(floats=tuple(_rounded(a, d) for a, d in zip(point.floats, each, strict=True)))


def _rounded(a, dtype):
    return np.asarray(a).astype(jnp.dtype(dtype)).astype(np.float64)
