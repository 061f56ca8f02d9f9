"""When a loop ends: what its condition compares, or what its body compares for a flag that the condition reads."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn, Literal  # pyright: ignore[reportPrivateImportUsage]

from ._evaluate import called, equations

_LOOSEST = 0.05  # of a loop's tolerances; a larger number in its condition is another
_COMPARISONS = {"lt", "le", "gt", "ge", "ne"}
_DEEP = 4  # equations before a comparison, in which the tolerance of a flag is looked for


def is_iteration(equation: JaxprEqn) -> bool:
    """Whether an equation is a loop that compares floating-point numbers to see whether it ends."""
    return equation.primitive.name == "while" and any(
        jnp.issubdtype(_dtype(e.invars[0]), jnp.floating)
        for e in (*_compared(equation), *(e for e, _ in _flagged(equation)))
    )


def tolerances(equation: JaxprEqn) -> list[float]:
    """The tolerances at which a loop stops, as its condition has them; of a flag's, the largest."""
    if equation.primitive.name != "while":
        return []
    numbers = [number(v) for _, e in equations(equation.params["cond_jaxpr"].jaxpr) for v in e.invars]
    flags = [max((n for n in _numbers(body, e, _DEEP) if _small(n)), default=None) for e, body in _flagged(equation)]
    return [float(n) for n in (*numbers, *flags) if n is not None and _small(n)]


def counts_steps(loop: JaxprEqn) -> bool:
    """Whether a loop's condition compares integers."""
    return any(jnp.issubdtype(_dtype(e.invars[0]), np.integer) for e in _compared(loop))


def number(variable: Any) -> float | int | None:
    """The value of a literal number, a Python float or int; None for anything else."""
    if not isinstance(variable, Literal) or np.ndim(variable.val):
        return None
    if jnp.issubdtype(_dtype(variable), np.floating):
        return float(variable.val)
    return int(variable.val) if jnp.issubdtype(_dtype(variable), np.integer) else None


def _compared(loop: JaxprEqn) -> list[JaxprEqn]:
    """What a loop's condition compares."""
    return [e for _, e in equations(loop.params["cond_jaxpr"].jaxpr) if e.primitive.name in _COMPARISONS]


def _flagged(loop: JaxprEqn) -> Iterator[tuple[JaxprEqn, Jaxpr]]:
    """What the body compares for the flags that the condition reads, and the program in which it does."""
    condition, body = (loop.params[name].jaxpr for name in ("cond_jaxpr", "body_jaxpr"))
    carried = condition.invars[loop.params["cond_nconsts"] :]
    for read, made in zip(carried, body.outvars, strict=True):
        if _dtype(read) == np.bool_:
            yield from _behind(body, made)


def _behind(program: Jaxpr, flag: Any) -> Iterator[tuple[JaxprEqn, Jaxpr]]:
    """The comparisons of which a flag is made by logic alone."""
    e = _made_by(program, flag)
    if e is None or _dtype(flag) != np.bool_:
        return
    if e.primitive.name in _COMPARISONS:
        yield e, program
    elif inside := called(e):
        yield from _behind(inside.jaxpr, inside.jaxpr.outvars[e.outvars.index(flag)])
    else:
        for v in e.invars:
            yield from _behind(program, v)


def _numbers(program: Jaxpr, e: JaxprEqn, deep: int) -> Iterator[float | int]:
    """The literal numbers of an equation, and of those before it that make a single number."""
    for v in e.invars:
        if (literal := number(v)) is not None:
            yield literal
        elif deep and not np.shape(v.aval) and (before := _made_by(program, v)):
            yield from _numbers(program, before, deep - 1)


def _dtype(variable: Any) -> Any:
    """A variable's dtype; for what is not an array, that of an object."""
    return getattr(variable.aval, "dtype", np.dtype(object))


def _made_by(program: Jaxpr, variable: Any) -> JaxprEqn | None:
    return next((e for e in program.eqns if any(v is variable for v in e.outvars)), None)


def _small(n: float | int | None) -> bool:
    return isinstance(n, float) and 0 < n <= _LOOSEST
