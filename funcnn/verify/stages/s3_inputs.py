"""The stages of a check at the example's own shapes. Each takes the context and adds what it finds."""

import jax
import numpy as np

from .._settings import settings
from ..judging._battery import NEAR, battery, int_variants, negative
from ..judging._judge import EPS, Context
from ..judging._point import Point, ravel
from ..judging._problem import compiled
from ..judging._scalar_at import scalar_at
from ..judging._verdict import slope_along
from .s3_branches import branches


def contract(context: Context) -> None:
    """S0: each cotangent has its primal's dtype, fwd's value is the function's, and no residual goes by another way."""
    problem = context.problem
    point = context.points("the example", problem.floats, problem.ints)[0]
    own = tuple(str(a.dtype) for a in problem.floats)
    for dtype in ("float64", "float32", "bfloat16", *([own] if len({*own}) > 1 else [])):
        named = dtype if isinstance(dtype, str) else "mixed"
        try:
            outputs, bars = context.run(problem.rule, point, dtype)
        except Exception as error:
            if named in {"float32", "mixed"} or (dtype == "float64" and {*own} == {"float64"}):
                context.add("S0", "fail", f"differentiating raises {one_line(error)}")
            elif dtype == "float64":
                context.dtype, context.eps = "float32", max(context.eps, EPS["float32"])
                context.skip("S2-S5 in float64", f"the rule raises {one_line(error)}")
            continue
        floats = context.cast(point, dtype)[0]
        for name, bar, a in zip(problem.names, bars, floats, strict=True):
            if bar.dtype != a.dtype:
                message = f"the cotangent of a {a.dtype} argument has dtype {bar.dtype}:"
                context.add("S0", "fail", message, argument=name)
        for y, value in zip(outputs, _values(context, point, dtype), strict=True):
            same_value(context, y, value, point.kind)
    if problem.referenced and context.dtype == "float64":
        _same_as_reference(context, point)
    context.measure(point)
    _no_smuggling(context, point)


def _values(context, point, dtype):
    """The function's own value, not that of a forward pass."""
    problem = context.problem
    if problem.mode and not problem.referenced:
        return context.run(problem.bare, point, dtype)[0]
    with settings():
        return [np.asarray(y) for y in problem.rule.fast_call(context.cast(point, dtype)[0], list(point.ints))]


def _same_as_reference(context, point):
    """The reference is the same function, to four digits at least."""
    for y, value in zip(_values(context, point, "float64"), context.outputs(point.floats, point.ints), strict=True):
        if y.shape != value.shape or not np.allclose(y, value, rtol=1e-4, atol=1e-6, equal_nan=True):
            context.add("S0", "fail", "the function's value is not the reference's: one of the two is another function")


def same_value(context: Context, y: np.ndarray, value: np.ndarray, kind: str) -> None:
    """Hold what fwd returns to what the function returns."""
    if (y.shape, y.dtype) != (value.shape, value.dtype):
        what = f"{y.dtype}{list(y.shape)}, the function {value.dtype}{list(value.shape)}"
        context.add("S0", "fail", f"fwd returns {what}")
        return
    eps = max(EPS[str(value.dtype)], context.eps)
    y, value = y.astype(np.float64), value.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        largest = np.max(np.abs(value), initial=0, where=np.isfinite(value))
        off = np.isfinite(value) & ~(np.abs(y - value) <= 1e3 * eps * (np.abs(value) + largest) + 1e-14)
    if off.any():
        index = tuple(map(int, np.argwhere(off)[0]))
        context.add("S0", "fail", "fwd's value is not the function's, at", argument="y", index=index,
                    got=float(y[index]), expected=float(value[index]), inputs=kind)  # fmt: skip


def _no_smuggling(context, point):
    """Two forwards, then the two backwards, in both orders, give what each gives alone."""
    problem = context.problem
    forward = compiled(lambda floats: jax.vjp(lambda f: problem.rule.call(f, list(problem.ints)), floats))
    backward = compiled(lambda vjp, cots: vjp(cots)[0])
    first = list(problem.floats)
    second = [(a * 1.5 + 0.25).astype(a.dtype) for a in first]
    cots = [g.astype(y.dtype) for g, y in zip(point.cots, forward(first)[0], strict=True)]
    try:
        alone = [backward(forward(floats)[1], cots) for floats in (first, second)]
        one, two = (forward(floats)[1] for floats in (first, second))
        together = [backward(vjp, cots) for vjp in (two, one, one, two)]
    except jax.errors.UnexpectedTracerError:
        context.add("S0", "fail", "a residual does not go through fwd's result", guess="kept in a global or a closure")
        return
    for bars, expected in zip(together, (alone[1], alone[0], alone[0], alone[1]), strict=True):
        for name, a, b in zip(problem.names, bars, expected, strict=True):
            if not np.allclose(a, b, rtol=1e-3, atol=1e-5, equal_nan=True):
                message = "a residual does not go through fwd's result: after two forward passes, wrong is"
                context.add("S0", "fail", message, argument=name, guess="kept in a global or a closure")


def linearity(context: Context) -> None:
    """S1: bwd is linear in the cotangent."""
    problem = context.problem
    kinds = dict(battery(problem.floats, (), context.rng))
    for kind in ("the example", "normal", "normal x 3")[: 3 if context.far else 1]:
        one, two = (context.points(kind, kinds[kind], problem.ints)[0] for _ in range(2))
        base, other = (context.run(problem.rule, p)[1] for p in (one, two))
        jitter = [a + b for a, b in zip(*(context.jitter(problem.rule, p) for p in (one, two)), strict=True)]
        scaled = lambda k, one=one: one._replace(cots=tuple(k * g for g in one.cots))
        tests = [(f"bwd({k:g} g) is not {k:g} bwd(g) for", context.run(problem.rule, scaled(k))[1], [k * b for b in base])
                 for k in (2.0**20, 2.0**-20, -1.0, 0.0, 3.0)]  # fmt: skip
        both = one._replace(cots=tuple(g + h for g, h in zip(one.cots, two.cots, strict=True)))
        tests.append(("bwd(g + h) is not bwd(g) + bwd(h) for", context.run(problem.rule, both)[1],
                      [a + b for a, b in zip(base, other, strict=True)]))  # fmt: skip
        for message, got, expected in tests:
            for name, a, b, r, moved in zip(problem.names, got, expected, base, jitter, strict=True):
                if not np.isfinite(r).all():
                    continue
                largest = [np.abs(a).max(initial=0) for a in (b, r)]
                rounding = 64 * moved.max(initial=0) * largest[0] / max(largest[1], np.finfo(np.float64).tiny)
                slack = 1e4 * context.eps * max(largest[0], np.finfo(np.float32).tiny) + rounding
                off = ~(np.abs(a - b) <= slack)
                if off.any():
                    index = tuple(map(int, np.argwhere(off)[0]))
                    context.add("S1", "fail", message, argument=name, index=index, got=float(a[index]),
                                expected=float(b[index]), inputs=one.kind)  # fmt: skip


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


def inputs(context: Context) -> None:
    """S3 and S5: the battery, kinks included."""
    problem = context.problem
    sizes = {n for a in problem.floats for n in a.shape} | context.indexed
    variants = list(int_variants(problem.ints, sorted(sizes), context.marks, context.wraps, context.rng))
    cots = ("normal",) if context.level == 0 else ("normal", "log-uniform", "one-hot")
    tried = []
    for kind, floats in battery(problem.floats, context.constants, context.rng):
        if not context.far and kind not in NEAR:
            continue
        if context.decomposes and not all(np.isfinite(a).all() for a in floats):
            context.skip("S3 infinite inputs", "a matrix is decomposed, which might never end")
            continue
        for suffix, ints in variants if kind in {"the example", "normal"} else variants[:2]:
            for point in context.points(kind + suffix, floats, ints, cots):
                context.compare("S3", point)
                tried.append(point)
                if context.trusted and not problem.referenced:
                    both = (context.run(side, point)[0] for side in (problem.rule, problem.bare))
                    for y, value in zip(*both, strict=True):
                        same_value(context, y, value.astype(y.dtype), point.kind)
    branches(context, tried)
    if not context.far:
        why = "a loop that counts no steps might never end there" if context.trusted else "no autodiff to compare with"
        context.skip("S3 far from the example", why)
    elif any(a is not b for a, b in zip(problem.ints, negative(problem.ints), strict=True)):
        for point in context.points("indices counted from the end", problem.floats, negative(problem.ints)):
            context.compare("S3", point, worst="note")


def reference_holds(context: Context) -> None:
    """S4: finite differences along random directions confirm the truth itself, where they are steady."""
    problem = context.problem
    kinds = dict(battery(problem.floats, (), context.rng))
    for kind in NEAR[:2] if context.trusted else ():
        point = context.points(kind, kinds[kind], problem.ints)[0]
        scalar, truth = scalar_at(context, point), ravel(context.run(problem.bare, point, "float64")[1])
        for _ in range(2):
            direction = context.rng.normal(size=scalar.x.size)
            slope, error = slope_along(scalar, direction)
            expected = float(truth @ direction)
            sure = error < 1e-3 * abs(slope) + 1e-9 * np.abs(truth * direction).max(initial=0)
            if sure and abs(slope - expected) > 10 * error + 1e-3 * np.abs(truth * direction).sum() + 1e-9 * abs(slope):
                message = "autodiff of the function, with which the rule was compared, is not its slope"
                context.add("S4", "inconclusive", message, got=expected, expected=slope, inputs=point.kind)


def determinism(context: Context) -> None:
    """S11: traced and run anew, the same bits."""
    problem = context.problem
    point = context.points("the example", problem.floats, problem.ints)[0]
    args = list(problem.floats), list(problem.ints), list(point.cots)
    twice = compiled(lambda *args: [problem.rule.bars(*args)[1] for _ in range(2)])
    for name, a, b in zip(problem.names, *jax.tree.map(np.asarray, twice(*args)), strict=True):
        if not np.array_equal(a, b, equal_nan=True):
            context.add("S11", "fail", "two runs differ in the cotangent of", argument=name, inputs=point.kind)


def one_line(error: BaseException) -> str:
    """An error's type and the first line of its text."""
    return f"{type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''}"
