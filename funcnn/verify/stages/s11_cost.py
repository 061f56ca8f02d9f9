"""S11: two traces give the same bits, and what is saved for the backward pass."""

from typing import Any

import jax
import numpy as np

from .._settings import settings
from ..judging._battery import EXAMPLE
from ..judging._problem import Side, compiled
from ..judging._trial import Trial
from ..report._report import Finding
from ._resized import Resized, replacing, resize, sizes_of


def determinism(trial: Trial) -> bool:
    """S11: two traces give the same program, or two that give the same bits; and two runs of it do."""
    problem, sides = trial.problem, trial.sides
    point = sides.points(EXAMPLE.name, problem.floats, problem.ints)[0]
    own = tuple(str(a.dtype) for a in problem.floats)
    args = list(problem.floats), list(problem.ints), list(point.cots)
    if _traced_alike(problem.rule, args):
        once, again = (sides.run(problem.rule, point._replace(), own).bars for _ in range(2))
    else:  # apart: in one program XLA fuses each copy with its own neighbours, which may change the last bit
        once, again = (compiled(lambda *args: problem.rule.bars(*args)[1])(*args) for _ in range(2))
    trial.ledger.count("S11")
    for name, a, b in zip(problem.names, once, again, strict=True):
        if not np.array_equal(a, b, equal_nan=True):
            trial.ledger.add(Finding("S11", "fail", "two runs differ in the cotangent of", name, inputs=point.kind))
    return True


def _traced_alike(side: Side, args: tuple[Any, ...]) -> bool:
    """Whether two traces of the backward pass print the same, with the same constants."""
    try:
        with settings(tuple(str(a.dtype) for a in args[0])):
            one, two = (jax.make_jaxpr(lambda *args: side.bars(*args))(*args) for _ in range(2))
            same = len(one.consts) == len(two.consts) and all(map(_same_constant, one.consts, two.consts))
    except Exception:  # what cannot be traced, or compared, is run
        return False
    return same and str(one) == str(two)


def _same_constant(a: Any, b: Any) -> bool:
    return a is b or np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True)


def cost(trial: Trial) -> dict[str, Any]:
    """What both sides save for the backward pass, in bytes, and the power with which that grows in each axis' size."""
    problem = trial.problem
    own = Resized("", problem.floats, problem.ints)
    saved = _saved(problem.rule, own)
    growth = {}
    for size in sizes_of(trial):
        doubled = resize(trial, "", replacing(size, 2 * size), keep_dtype=True)
        more = _saved(problem.rule, doubled)
        if more and saved:
            growth[f"axes of {size}"] = round(float(np.log2(more / saved)), 2)
    return {"residual_bytes": saved, "autodiff_bytes": _saved(problem.bare, own), "growth": growth}


def _saved(side: Side, resized: Resized) -> int | None:
    """Bytes of all that the backward pass is handed; None where the shapes do not fit or autodiff cannot."""
    floats = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in resized.floats]
    try:
        with settings(tuple(str(a.dtype) for a in floats)):
            kept = jax.eval_shape(lambda given: jax.vjp(lambda f: side.call(f, resized.ints), given)[1], floats)
    except Exception:
        return None
    return sum(a.size * a.dtype.itemsize for a in jax.tree.leaves(kept))
