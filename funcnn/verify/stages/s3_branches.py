"""Which branches of a rule's passes no input has taken: the cases of every select and cond, in loops too."""

from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal  # pyright: ignore[reportPrivateImportUsage]
from jax.extend.source_info_util import summarize

from .._places import VERIFY
from .._settings import compiled_quickly, settings
from ..judging._point import Point
from ..judging._sides import cast
from ..judging._trial import Trial
from ..programs._evaluate import bind, called, evaluate

_MOST = 4  # branches listed


class Branch(NamedTuple):
    """A choice that a program makes: what it asks, the line, and for each answer whether it was ever given."""

    asks: str
    line: str
    taken: Any


class Named(NamedTuple):
    """A value on its way through a program, and what it is called; None for what no argument decides."""

    value: Any
    name: str | None


def branches(trial: Trial, points: Sequence[Point]) -> None:
    """List the branches of forward and backward pass that none of the points takes."""
    problem, told = trial.problem, []

    def taken(floats, ints, cots):
        program = jax.make_jaxpr(problem.rule.bars)(floats, ints, cots)
        names = [*problem.names, *("an index or mask" for _ in jax.tree.leaves(ints)), *("the cotangent" for _ in cots)]
        found: list[Branch] = []
        _run(program, list(map(Named, jax.tree.leaves((floats, ints, cots)), names)), found)
        told[:] = [(branch.asks, branch.line) for branch in found]
        return [branch.taken for branch in found]

    run, so_far = compiled_quickly(taken), None
    try:
        for point in points:
            floats, cots = cast(point, trial.sides.dtype)
            with settings(trial.sides.dtype):
                here = jax.tree.map(np.asarray, run(floats, list(point.ints), cots))
            so_far = here if so_far is None else [a | b for a, b in zip(so_far, here, strict=True)]
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
        trial.ledger.skip("S3 branches of the rule", "it cannot be traced")
    missed: dict[str, str] = {}
    for (asks, line), answers in zip(told, so_far or (), strict=False):
        for answer in np.flatnonzero(~answers):  # forward and backward pass often ask the same
            where = f"where {asks} is {answer if len(answers) > 2 else bool(answer)}"
            missed[where] = missed.get(where) or line
    for where, line in islice(missed.items(), _MOST):
        trial.ledger.skip("S3 a branch that no input took", where + line)


def _run(program: ClosedJaxpr, operands: Sequence[Named], found: list[Branch], at: str = "") -> list[Named]:
    """The program's results; ``found`` gets its branches."""

    def step(_, e, operands):
        line, body = _line(e) or at, called(e)
        _ask(e, operands, found, line)
        if body is not None:
            return _run(body, operands, found, line)
        values = [operand.value for operand in operands]
        results = _scan(e, operands, found, line) if e.primitive.name == "scan" else bind(e, values)
        name = _name(e, [operand.name for operand in operands])
        return [Named(result, name) for result in results]

    return evaluate(program, operands, step, lambda value: Named(value, None))


def _line(e):
    """The line of an equation; none for those of a backward pass, which JAX gives the line that pulls back."""
    place = summarize(e.source_info).split(" ")[0]
    return "" if not place or VERIFY in place else f" ({':'.join(place.rpartition('/')[2].split(':')[:2])})"


def _ask(e, operands, found, line):
    """Note a choice between floating-point values that the arguments decide."""
    choices = {"select_n": len(e.invars) - 1, "cond": len(e.params.get("branches", ()))}.get(e.primitive.name, 0)
    floating = any(jnp.issubdtype(getattr(v.aval, "dtype", np.int32), jnp.floating) for v in e.outvars)
    if choices > 1 and operands[0].name and floating:
        taken = jnp.stack([jnp.any(jnp.asarray(operands[0].value) == k) for k in range(choices)])
        found.append(Branch(operands[0].name, line, taken))


def _name(e, names):
    """How a result is named: by its equation, cut short; a test for NaN, which no input is, has no name."""
    kind = e.primitive.name
    if not any(names) or (kind == "ne" and e.invars[0] is e.invars[1]):
        return None
    if kind in {"broadcast_in_dim", "reshape", "squeeze", "convert_element_type", "copy", "transpose", "stop_gradient"}:
        return names[0]
    parts = [str(v.val) if isinstance(v, Literal) else (names[i] or "a constant") for i, v in enumerate(e.invars)]
    text = f"{kind}({', '.join(parts)})"
    return text if len(text) <= 60 else f"{kind}(…)"


def _scan(e, operands, found, line):
    """A scan's results; its branches are taken where any of its steps takes them."""
    body, inside = e.params["jaxpr"], []
    whole = lambda outer, inner: sum(v.aval.ndim == a.ndim for v, a in zip(outer, inner, strict=True))
    carries, first = whole(e.outvars, body.out_avals), whole(e.invars, body.in_avals)
    values, names = [operand.value for operand in operands], [operand.name for operand in operands]
    consts, carry, xs = values[: first - carries], values[first - carries : first], values[first:]

    def step(carry, xs):
        inside.clear()
        outs = [out.value for out in _run(body, list(map(Named, [*consts, *carry, *xs], names)), inside, line)]
        return outs[:carries], (outs[carries:], [branch.taken for branch in inside])

    carry, (ys, taken) = jax.lax.scan(step, carry, xs, e.params["length"], e.params["reverse"])
    found += [branch._replace(taken=jnp.any(t, axis=0)) for branch, t in zip(inside, taken, strict=True)]
    return [*carry, *ys]
