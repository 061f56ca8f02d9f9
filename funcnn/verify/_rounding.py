"""S6, and S10's share of it: the rule's error in float32 and half precision beside autodiff's own."""

import jax.numpy as jnp
import numpy as np

from ._context import EPS, Context, Dtypes
from ._inputs import battery
from ._point import Point, nudged_both_ways

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
    plan |= {"float16": (*_NEAR, "normal x 300")} if context.level else {}
    own = tuple(str(a.dtype) for a in problem.floats)
    plan |= {own: _NEAR} if len({*own}) > 1 else {}
    kinds = dict(battery(problem.floats, (), context.rng))
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
    problem, moved = context.problem, None
    peer, rule = (context.run(side, point, dtype)[1] for side in (problem.bare, problem.rule))
    truth, own = (context.run(side, point, "float64")[1] for side in (problem.bare, problem.rule))
    for leaf, (name, r, t, p) in enumerate(zip(problem.names, rule, truth, peer, strict=True)):
        r, p, u = r.astype(np.float64), p.astype(np.float64), EPS[each[leaf]]
        slack = _slack(t, p, u, length) + 16 * float(jnp.finfo(each[leaf]).tiny)
        off = _off(r, t, p, slack) & _off(r, own[leaf], p, slack)  # at a kink its own choice stands
        if off.any():
            if moved is None:
                around = nudged_both_ways(point, min(EPS[d] for d in each), context.rng)
                moved = [context.run(problem.bare, at, "float64")[1] for at in around]
            with np.errstate(invalid="ignore"):
                off = _off(r, t, p, slack + 8 * np.max([np.abs(m[leaf] - t) for m in moved], axis=0))
        if off.any():
            index = tuple(map(int, np.argwhere(off)[0]))
            context.add(stage, _gravity(context, stage, each), f"far less exact than autodiff in {dtype}, in the "
                        "cotangent of", argument=name, index=index, got=float(r[index]), expected=float(t[index]),
                        inputs=point.kind)  # fmt: skip


def _slack(truth, peer, u, length):
    """What rounding explains: autodiff's own error, and some roundings of unit u."""
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(peer - truth)
        rms = np.sqrt(np.mean(error**2, where=np.isfinite(error))) if np.isfinite(error).any() else np.inf
        largest = np.max(np.abs(truth), where=np.isfinite(truth), initial=0)
        return 16 * rms + 8 * error + u * (16 * np.abs(truth) + 4 * largest) + min(u * length / 24, 0.1) * largest


def _off(rule, truth, peer, slack):
    with np.errstate(invalid="ignore", over="ignore"):
        return np.isfinite(truth) & np.isfinite(peer) & ~(np.abs(rule - truth) <= slack)


def _gravity(context, stage, each):
    """Long sums in half precision are held against a rule only if half precision is what its example is in."""
    half = {d for d in each if d in {"bfloat16", "float16"}}
    return "note" if stage == "S10" and half - {str(a.dtype) for a in context.problem.floats} else "fail"


def _rounded(a, dtype):
    return np.asarray(a).astype(jnp.dtype(dtype)).astype(np.float64)
