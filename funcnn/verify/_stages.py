"""The stages of a check, cheap first. Each takes the context and adds what it finds."""

import jax
import jax.numpy as jnp
import numpy as np

from ._context import EPS, Context, Point, constants, settings
from ._inputs import battery, int_variants


def contract(context: Context) -> None:
    """S0: each cotangent has its primal's dtype, fwd's value is the function's, and no residual goes by another way."""
    problem = context.problem
    point = context.points("the example", problem.floats, problem.ints)[0]
    for dtype in ("float64", "float32", "bfloat16"):
        try:
            outputs, bars = context.run(problem.rule, point, dtype)
        except Exception as error:
            if dtype == "float32" or (dtype == "float64" and all(a.dtype == np.float64 for a in problem.floats)):
                context.add("S0", "fail", f"differentiating raises {_one_line(error)}")
            elif dtype == "float64":
                context.dtype, context.eps = "float32", EPS["float32"]
                context.skipped.append(("S2-S5 in float64", f"the rule raises {_one_line(error)}"))
            continue
        with settings():
            values = problem.bare.value([jnp.asarray(a, dtype) for a in point.floats], list(point.ints))
        values = [np.asarray(y) for y in values]
        for name, bar in zip(problem.names, bars, strict=True):
            if bar.dtype != jnp.dtype(dtype):
                context.add("S0", "fail", f"the cotangent of a {dtype} argument has dtype {bar.dtype}:", argument=name)
        for y, value in zip(outputs, values, strict=True):
            _same_value(context, y, value, dtype, point.kind)
    _no_smuggling(context, point)


def _same_value(context, y, value, dtype, kind):
    if (y.shape, y.dtype) != (value.shape, value.dtype):
        what = f"{y.dtype}{list(y.shape)}, the function {value.dtype}{list(value.shape)}"
        context.add("S0", "fail", f"fwd returns {what}")
        return
    y, value = y.astype(np.float64), value.astype(np.float64)
    with np.errstate(invalid="ignore"):
        slack = (
            1e3
            * max(EPS[dtype], context.eps)
            * (np.abs(value) + np.max(np.abs(value), initial=0, where=np.isfinite(value)))
        )
        off = np.isfinite(value) & ~(np.abs(y - value) <= slack + 1e-14)
    if off.any():
        index = tuple(map(int, np.argwhere(off)[0]))
        context.add("S0", "fail", "fwd's value is not the function's, at", argument="y", index=index,
                    got=float(y[index]), expected=float(value[index]), inputs=kind)  # fmt: skip


def _no_smuggling(context, point):
    """Two forwards, then the two backwards, in both orders, give what each gives alone."""
    problem = context.problem
    call = lambda floats: problem.rule.call(floats, list(problem.ints))
    first = [jnp.asarray(a) for a in problem.floats]
    second = [a * jnp.asarray(1.5, a.dtype) + jnp.asarray(0.25, a.dtype) for a in first]
    cots = [jnp.asarray(g, y.dtype) for g, y in zip(point.cots, call(first), strict=True)]
    alone = [jax.vjp(call, floats)[1](cots)[0] for floats in (first, second)]
    (_, one), (_, two) = jax.vjp(call, first), jax.vjp(call, second)
    for later, earlier in ((two, one), (one, two)):
        together = {id(later): later(cots)[0], id(earlier): earlier(cots)[0]}
        for vjp, expected in zip((one, two), alone, strict=True):
            for name, a, b in zip(problem.names, together[id(vjp)], expected, strict=True):
                if not np.allclose(a, b, rtol=1e-3, atol=1e-5, equal_nan=True):
                    message = "a residual does not go through fwd's result: after two forward passes, wrong is"
                    context.add("S0", "fail", message, argument=name, guess="kept in a global or a closure")


def linearity(context: Context) -> None:
    """S1: bwd is linear in the cotangent."""
    problem = context.problem
    kinds = dict(battery(problem.floats, (), context.rng))
    for kind in ("the example", "normal", "normal x 3"):
        one, two = (context.points(kind, kinds[kind], problem.ints)[0] for _ in range(2))
        base, other = (context.run(problem.rule, p)[1] for p in (one, two))
        scaled = lambda k, one=one: one._replace(cots=tuple(k * g for g in one.cots))
        tests = [(f"bwd({k:g} g) is not {k:g} bwd(g) for", context.run(problem.rule, scaled(k))[1], [k * b for b in base])
                 for k in (2.0**20, 2.0**-20, -1.0, 0.0, 3.0)]  # fmt: skip
        both = one._replace(cots=tuple(g + h for g, h in zip(one.cots, two.cots, strict=True)))
        tests.append(("bwd(g + h) is not bwd(g) + bwd(h) for", context.run(problem.rule, both)[1],
                      [a + b for a, b in zip(base, other, strict=True)]))  # fmt: skip
        for message, got, expected in tests:
            for name, a, b, r in zip(problem.names, got, expected, base, strict=True):
                if not np.isfinite(r).all():
                    continue
                slack = 1e4 * context.eps * max(np.abs(b).max(initial=0), np.finfo(np.float32).tiny)
                off = ~(np.abs(a - b) <= slack)
                if off.any():
                    index = tuple(map(int, np.argwhere(off)[0]))
                    context.add("S1", "fail", message, argument=name, index=index, got=float(a[index]),
                                expected=float(b[index]), inputs=one.kind)  # fmt: skip


def jacobian(context: Context) -> None:
    """S2: every kind of cotangent at the example, and the whole Jacobian where it is small."""
    problem = context.problem
    for point in context.points(
        "the example", problem.floats, problem.ints, ("normal", "log-uniform", "one-hot", "ones")
    ):
        context.compare("S2", point)
    outputs = context.outputs(problem.floats, problem.ints)
    if sum(y.size for y in outputs) > 32:
        return
    for j, y in enumerate(outputs):
        for i in range(y.size):
            hot = [np.zeros(z.shape) for z in outputs]
            hot[j].flat[i] = 1.0
            context.compare("S2", Point("the example, one-hot cotangent", problem.floats, problem.ints, tuple(hot)))


def inputs(context: Context) -> None:
    """S3 and S5: the battery, kinks included."""
    problem = context.problem
    programs = [context.printed(side) for side in (problem.rule, problem.bare)]
    for kind, floats in battery(problem.floats, constants(*programs), context.rng):
        for suffix, ints in int_variants(problem.ints, context.rng):
            cots = ("normal",) if context.level == 0 else ("normal", "log-uniform", "one-hot")
            for point in context.points(kind + suffix, floats, ints, cots):
                context.compare("S3", point)
                values, outputs = context.outputs(floats, ints), context.run(problem.rule, point)[0]
                for y, value in zip(outputs, values, strict=True):
                    _same_value(context, y, value.astype(y.dtype), str(y.dtype), point.kind)


def dtypes(context: Context) -> None:
    """S6: in float32 and half precision the rule's error is that of autodiff at the same dtype, times a small factor."""
    problem = context.problem
    smooth = ("the example, 10 % noise", "normal", "normal x 3", "normal x 30", "positive", "between 0 and 1",
              "offset + 100", "tiny variance", "log-uniform", "the example x 30")  # fmt: skip
    kinds = dict(battery(problem.floats, (), context.rng))
    for dtype in ("float32", "bfloat16", "float16") if context.level else ("float32", "bfloat16"):
        for kind in smooth if dtype == "float32" else smooth[:3]:
            floats = tuple(np.asarray(jnp.asarray(a, dtype)).astype(np.float64) for a in kinds[kind])
            for point in context.points(f"{kind}, {dtype}", floats, problem.ints):
                point = point._replace(
                    cots=tuple(np.asarray(jnp.asarray(g, dtype)).astype(np.float64) for g in point.cots)
                )
                try:
                    peer = context.run(problem.bare, point, dtype)[1]
                except (TypeError, ValueError, NotImplementedError):
                    context.skipped.append((f"S6 {dtype}", "the function itself does not take it"))
                    break
                _judge_rounding(context, point, dtype, peer)


def _judge_rounding(context, point, dtype, peer):
    problem, u = context.problem, EPS[dtype]
    rule, truth = context.run(problem.rule, point, dtype)[1], context.run(problem.bare, point, "float64")[1]
    moved = [context.run(problem.bare, context.nudged(point, u), "float64")[1] for _ in range(8)]
    for leaf, (name, r, b, p) in enumerate(zip(problem.names, rule, truth, peer, strict=True)):
        r, p = r.astype(np.float64), p.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            shifts = np.max([np.abs(m[leaf] - b) for m in moved], axis=0)
            error = np.abs(p - b)
            rms = np.sqrt(np.mean(error**2, where=np.isfinite(error))) if np.isfinite(error).any() else np.inf
            largest = np.max(np.abs(b), where=np.isfinite(b), initial=0)
            slack = (
                16 * (shifts + 4 * rms + 2 * error + 8 * u * np.abs(b) + u / 4 * largest)
                + float(jnp.finfo(dtype).tiny) * 16
            )
            off = np.isfinite(b) & np.isfinite(p) & ~(np.abs(r - b) <= slack)
        if off.any():
            index = tuple(map(int, np.argwhere(off)[0]))
            message = f"far less exact than autodiff in {dtype}, in the cotangent of"
            context.add("S6", "fail", message, argument=name, index=index, got=float(r[index]),
                        expected=float(b[index]), inputs=point.kind)  # fmt: skip


def shapes(context: Context) -> bool:
    """S9: other sizes of each axis, where the function and the rule take them."""
    problem = context.problem
    if problem.ints:
        context.skipped.append(("S9 shapes", "integer arguments may depend on the sizes"))
        return False
    example = [a.shape for a in problem.floats]
    variants = {}
    for size in sorted({n for shape in example for n in shape if n > 0}):
        for new in {1, 2, 3, size + 1, 2 * size + 1} - {size}:
            variants[f"axes of {size} made {new}"] = [
                tuple(new if n == size else n for n in shape) for shape in example
            ]
    taken = 0
    for kind, resized in variants.items():
        try:
            points = context.points(kind, tuple(context.rng.normal(size=shape) for shape in resized), ())
            context.run(problem.bare, points[0], "float64")
        except (TypeError, ValueError, ZeroDivisionError, IndexError):
            continue
        taken += 1
        for point in points:
            _unless_refused(context, "S9", point)
    if not taken:
        context.skipped.append(("S9 shapes", "the function takes no other shapes"))
    return bool(taken)


def _unless_refused(context, stage, point):
    """Compare; a rule may refuse a shape that its function would take, but not get it wrong."""
    try:
        context.compare(stage, point)
    except (TypeError, ValueError, IndexError, ZeroDivisionError) as error:
        context.skipped.append((f"{stage} {point.kind}", f"the rule raises {_one_line(error)}"))


def determinism(context: Context) -> None:
    """S11: traced anew, the same bits; and how much is saved."""
    problem = context.problem
    point = context.points("the example", problem.floats, problem.ints)[0]
    args = [jnp.asarray(a) for a in problem.floats], list(problem.ints)

    def bars(floats, ints, cots):
        outputs, vjp = jax.vjp(lambda floats: problem.rule.call(floats, ints), floats)
        return vjp([jnp.asarray(g, y.dtype) for g, y in zip(cots, outputs, strict=True)])[0]

    runs = [jax.tree.map(np.asarray, jax.jit(lambda *a: bars(*a))(*args, list(point.cots))) for _ in range(2)]
    for name, a, b in zip(problem.names, *runs, strict=True):
        if not np.array_equal(a, b, equal_nan=True):
            context.add("S11", "fail", "two runs differ in the cotangent of", argument=name, inputs=point.kind)


def _one_line(error):
    return f"{type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''}"
