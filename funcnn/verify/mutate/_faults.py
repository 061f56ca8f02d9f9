"""The ways in which a backward pass is broken to see whether a check finds it, as data."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Literal, primitives

Change = Callable[[Any, list[Any], Callable[..., Any]], Any]  # of an equation, its operands and its function

# What faults ask of variables, do to arrays, and ask of equations: a floating-point result, by one of the primitives.
floating = lambda v: jnp.issubdtype(v.aval.dtype, jnp.floating)
_alike = lambda *vs: len({(v.aval.shape, v.aval.dtype) for v in vs}) == 1
_square = lambda v: v.aval.ndim > 1 and v.aval.shape[-1] == v.aval.shape[-2] > 1
_constant = lambda v: isinstance(v, Literal) and floating(v)
_times = lambda y, factor: y * jnp.asarray(factor, y.dtype)
_alone = lambda e, x: jnp.full(e.outvars[0].aval.shape, x, e.outvars[0].aval.dtype)


_result = lambda *names: (
    lambda e: len(e.outvars) == 1 and floating(e.outvars[0]) and (not names or e.primitive.name in names)
)


def _constants_moved(e: Any, xs: list[Any]) -> list[Any]:
    """The operands, those that are constants 5 % larger; 0 becomes 0.05."""
    new = lambda v: _times(jnp.asarray(v.val or 1 / 21, v.aval.dtype), 1.05)
    return [new(v) if _constant(v) else x for v, x in zip(e.invars, xs, strict=True)]


def _others(e: Any) -> tuple[int, ...]:
    """The axes of the operand that a reduction over one axis could as well run over, by its result's shape."""
    shape, axes = e.invars[0].aval.shape, e.params["axes"]
    without = lambda axis: [*shape[:axis], *shape[axis + 1 :]]
    return tuple(b for b in range(len(shape)) for a in axes if a != b and len(axes) == 1 and without(a) == without(b))


_INSTEAD = {
    "max": "min", "min": "max", "gt": "ge", "ge": "gt", "lt": "le", "le": "lt", "eq": "ne", "and": "or", "or": "and",
    "cos": "sin", "sin": "cos", "exp": "expm1", "log": "log1p", "log1p": "log", "rsqrt": "sqrt", "sqrt": "rsqrt",
    "logistic": "tanh", "reduce_max": "reduce_min", "reduce_min": "reduce_max", "argmax": "argmin",
    "scatter-add": "scatter",
}  # fmt: skip
_any, _dot = _result(), _result("dot_general")
_reduction = _result("reduce_sum", "reduce_max", "reduce_min", "reduce_prod")

# Faults of one equation: where there is room, and the result instead, by the equation, its operands and its function.
FAULTS: dict[str, tuple[Callable[[Any], bool], Change]] = {
    "negated": (_any, lambda e, xs, run: -run(*xs)),
    "rounded to bfloat16": (_any, lambda e, xs, run: jax.lax.reduce_precision(run(*xs), 8, 7)),
    "one element zeroed": (_any, lambda e, xs, run: (y := run(*xs)).at[tuple(n // 2 for n in y.shape)].set(0)),
    "times the last axis' size": (_any, lambda e, xs, run: _times(y := run(*xs), max(y.shape[-1:], default=1))),
    "transposed": (lambda e: _any(e) and _square(e.outvars[0]), lambda e, xs, run: run(*xs).mT),
    "left out": (lambda e: _any(e) and len(e.invars) == 1 and _alike(*e.invars, *e.outvars), lambda e, xs, run: xs[0]),
    "first operand dropped": (_result("add", "add_any", "mul"), lambda e, xs, run: _alone(e, xs[1])),
    "second operand dropped": (_result("add", "add_any", "mul", "sub", "div"), lambda e, xs, run: _alone(e, xs[0])),
    "operands swapped": (_result("sub", "div", "pow", "atan2"), lambda e, xs, run: run(*xs[::-1])),
    "cases swapped": (lambda e: _result("select_n")(e) and len(e.invars) == 3, lambda e, xs, run: run(xs[0], xs[2], xs[1])),
    "factors swapped": (lambda e: _dot(e) and _alike(*e.invars), lambda e, xs, run: run(*xs[::-1])),
    "first factor transposed": (lambda e: _dot(e) and _square(e.invars[0]), lambda e, xs, run: run(xs[0].mT, xs[1])),
    "second factor transposed": (lambda e: _dot(e) and _square(e.invars[1]), lambda e, xs, run: run(xs[0], xs[1].mT)),
    "sum made a mean": (_result("reduce_sum"), lambda e, xs, run: _times(y := run(*xs), y.size / max(1, xs[0].size))),
    "over another axis": (lambda e: _reduction(e) and _others(e) != (), lambda e, xs, run: run(*xs, axes=_others(e)[:1])),
    "reversed": (lambda e: "reverse" in e.params, lambda e, xs, run: run(*xs, reverse=not e.params["reverse"])),
    "exponent one higher": (_result("integer_pow"), lambda e, xs, run: run(*xs, y=e.params["y"] + 1)),
    "constants + 5 %": (lambda e: any(map(_constant, e.invars)), lambda e, xs, run: run(*_constants_moved(e, xs))),
    **{f"made {b}": (lambda e, a=a: e.primitive.name == a,
                     lambda e, xs, run, b=b: getattr(primitives, f"{b}_p").bind(*xs, **e.params))
       for a, b in _INSTEAD.items()},
}  # fmt: skip

# Faults of a whole cotangent: from all of them and its place, the one instead.
WHOLE: dict[str, Callable[[list[Any], int], Any]] = {
    "made zero": lambda bars, i: jnp.zeros_like(bars[i]),
    "clipped to [-1, 1]": lambda bars, i: jnp.clip(bars[i], -1, 1),
    "times 1.001": lambda bars, i: _times(bars[i], 1.001),
    "given as float32": lambda bars, i: bars[i].astype(jnp.float32),
    "made the next alike": lambda bars, i: next((b for b in bars[i + 1 :] if jnp.shape(b) == jnp.shape(bars[i])), bars[i]),
}  # fmt: skip
