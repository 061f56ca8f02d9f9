"""S0: dtypes, the value of fwd, and residuals that go by another way."""

import jax
import numpy as np

from .._errors import one_line
from .._settings import settings
from ..judging._judge import Context, same_value
from ..judging._problem import compiled
from ..judging._sides import EPS


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
