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
    """S11: traced twice, each time compiled alone, the backward pass gives the same bits.

    Two traces in one program may differ in the last bit: XLA fuses each with its own neighbours.
    """
    problem = trial.problem
    point = trial.sides.points(EXAMPLE.name, problem.floats, problem.ints)[0]
    args = list(problem.floats), list(problem.ints), list(point.cots)
    trial.ledger.count("S11")
    once, again = (compiled(lambda *args: problem.rule.bars(*args)[1])(*args) for _ in range(2))
    for name, a, b in zip(problem.names, once, again, strict=True):
        if not np.array_equal(a, b, equal_nan=True):
            trial.ledger.add(Finding("S11", "fail", "two runs differ in the cotangent of", name, inputs=point.kind))
    return True


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
        with settings():
            kept = jax.eval_shape(lambda given: jax.vjp(lambda f: side.call(f, resized.ints), given)[1], floats)
    except Exception:
        return None
    return sum(a.size * a.dtype.itemsize for a in jax.tree.leaves(kept))
