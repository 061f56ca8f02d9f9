"""S9 and S10: other sizes of each axis, another rank, long axes; and what is saved for the backward pass."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._settings import settings
from ..judging._battery import is_index, is_mask
from ..judging._judge import Context
from ..programs._facts import extent
from .s3_inputs import one_line
from .s6_dtypes import judge_rounding

_REFUSALS = (TypeError, ValueError, IndexError, ZeroDivisionError, NotImplementedError, AssertionError)
_LONG = {1: (4099, 65537), 2: (257, 4099, 65537, 2**20)}
_MOST_NUMBERS = 2**23  # in any one array on the way


def _most_equations(length):
    """How large a program may be, to be compiled in reasonable time; Python unrolls some loops."""
    return 1000 if length < 2**16 else 300


class Resized(NamedTuple):
    """Inputs of other shapes, and what they are called."""

    kind: str
    floats: tuple[np.ndarray, ...]
    ints: tuple[Any, ...]


def shapes(context: Context) -> bool:
    """S9: other sizes of each axis, and a leading axis more, where the function and the rule take them."""
    if not context.trusted:
        context.skip("S9 shapes", "no autodiff to compare with")
        return False
    taken = 0
    for variants in _variants(context):
        accepted = [resized for resized in variants if _accepted(context, resized) is not None]
        if all(resized.kind.endswith(("made 0", "made 1")) for resized in accepted):
            continue  # it is taken, if at all, only because that broadcasts
        taken += len(accepted)
        for point in (point for resized in accepted for point in context.points(*resized)):
            _unless_refused(context, "S9", point)
    ranks(context)
    if not taken:
        context.skip("S9 shapes", "the function takes no other shapes")
    return bool(taken)


def ranks(context: Context) -> None:
    """A leading axis more, where the function itself treats it as a batch.

    For arguments that were vectors a failure is a note: what is written for a vector may leave batches to vmap. So it is
    where a batch of any other length than a square matrix' is refused: what is written for a matrix may exchange its axes
    by ``.T``, and that takes this one length.
    """
    problem = context.problem
    everything = tuple(range(len(problem.floats)))
    squares = [a.shape[-1] for a in problem.floats if a.ndim > 1 and 1 < a.shape[-1] == a.shape[-2] < 9]
    lengths = [3] if not squares else [4 if squares[0] == 3 else 3, squares[0]]
    for stacked in dict.fromkeys([everything, (0,), *((i,) for i in everything)]):
        refused = False
        for k in lengths:
            resized = _stacked(context, stacked, k)
            if resized is None:
                continue
            worst = "note" if refused or any(problem.floats[i].ndim < 2 for i in stacked) else "fail"
            refused |= not all(_unless_refused(context, "S9", at, worst) for at in context.points(*resized))


def _stacked(context, stacked, k) -> Resized | None:
    """Batches of k for some arguments; None where the function does not take them one by one."""
    problem = context.problem
    floats = tuple(
        np.stack([_like(context.rng, a, a.shape) for _ in range(k)]) if i in stacked else a.astype(np.float64)
        for i, a in enumerate(problem.floats)
    )
    resized = Resized(f"a leading axis more for {[problem.names[i] for i in stacked]}", floats, problem.ints)
    if _accepted(context, resized) is None:
        return None
    one_by_one = [
        context.outputs([a[j] if i in stacked else a for i, a in enumerate(floats)], problem.ints) for j in range(k)
    ]
    together = context.outputs(floats, problem.ints)
    pairs = zip(together, zip(*one_by_one, strict=True), strict=True)
    return resized if all(_same(y, np.stack(rows)) for y, rows in pairs) else None


def scale(context: Context) -> bool:
    """S10: long axes, in float64 and against autodiff's own error in float32 and bfloat16."""
    if not context.trusted:
        context.skip("S10 scale", "no autodiff to compare with")
        return False
    if context.failed():  # to settle by finite differences what is off at this size takes minutes
        context.skip("S10 scale", "the rule is wrong already")
        return False
    taken = False
    for size in _sizes(context):
        medium = [_accepted(context, _resized(context, "", _replacing(size, n))) for n in (129, 257)]
        if medium[1]:
            long = [_long(context, size, length, medium) for length in _LONG[context.level]]
            taken = any(long) or _long(context, size, 257, medium) or taken
    if not taken and not any(what.startswith("S10") for what, _ in context.skipped):
        context.skip("S10 scale", "the function takes no longer axes")
    return taken


def _long(context, size, length, medium) -> bool:
    """Judge the axes of one size made long; False where that is refused or too large, as ``medium`` sizes foretell."""
    name = f"axes of {size} made {length}"
    numbers = max(math.prod(length if n == size else n for n in a.shape) for a in context.problem.floats)
    if context.decomposes and length > 257:
        context.skip(f"S10 {name}", "a matrix is decomposed, which takes the cube of that")
        return False
    if numbers > _MOST_NUMBERS:
        context.skip(f"S10 {name}", f"too large: an array of {numbers:,}")
        return False
    short, longer = medium
    # What a loop that Python unrolls, or a matrix made while tracing, will come to shows while it is still small.
    equations, largest = (
        int(b * max(b / max(a, 1), 1) ** math.log2(length / 257)) for a, b in zip(short or longer, longer, strict=True)
    )
    if equations > _most_equations(length) or largest > _MOST_NUMBERS:
        context.skip(f"S10 {name}", f"too large: some {equations:,} equations, an array of {largest:,}")
        return False
    resized = _resized(context, name, _replacing(size, length))
    if _accepted(context, resized) is None:
        return False
    for point in context.points(*resized):
        _unless_refused(context, "S10", point)
    for dtype in ("float32", "bfloat16") if length < 2**16 else ("float32",):
        try:
            judge_rounding(context, "S10", *resized, dtype, length)
        except _REFUSALS as error:
            context.skip(f"S10 {resized.kind} {dtype}", f"the rule raises {one_line(error)}")
    return True


def cost(context: Context) -> dict[str, Any]:
    """What both sides save for the backward pass, in bytes, and the power with which that grows in each axis' size."""
    problem = context.problem
    own = Resized("", problem.floats, problem.ints)
    saved = _saved(problem.rule, own)
    growth = {}
    for size in _sizes(context):
        doubled = _resized(context, "", _replacing(size, 2 * size), dtype=None)
        more = _saved(problem.rule, doubled)
        if more and saved:
            growth[f"axes of {size}"] = round(float(np.log2(more / saved)), 2)
    return {"residual_bytes": saved, "autodiff_bytes": _saved(problem.bare, own), "growth": growth}


def _saved(side, resized) -> int | None:
    """Bytes of all that the backward pass is handed; None where the shapes do not fit or autodiff cannot."""
    floats = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in resized.floats]
    try:
        with settings():
            kept = jax.eval_shape(lambda given: jax.vjp(lambda f: side.call(f, resized.ints), given)[1], floats)
    except Exception:
        return None
    return sum(a.size * a.dtype.itemsize for a in jax.tree.leaves(kept))


def _variants(context) -> Iterator[list[Resized]]:
    """Groups of other shapes: each size made others, all sizes one longer, one axis alone."""
    floats = context.problem.floats
    sizes = sorted({n for a in floats for n in a.shape})
    for size in sizes:
        news = [n for n in dict.fromkeys([1, size + 1, 2 * size + 1, 2, 3, 0]) if n != size]
        yield [_resized(context, f"axes of {size} made {new}", _replacing(size, new)) for new in news]
    if len(sizes) > 1:
        yield [_resized(context, "axes of every size made one longer", lambda n: n + 1 if n > 1 else n)]
    for i, a in enumerate(floats):
        for axis, size in enumerate(a.shape):
            if size > 1 and sum(b.shape.count(size) for b in floats) > 1:
                other = _like(context.rng, a, (*a.shape[:axis], size + 2, *a.shape[axis + 1 :]))
                given = tuple(other if j == i else b.astype(np.float64) for j, b in enumerate(floats))
                yield [
                    Resized(f"axis {axis} of {context.problem.names[i]} made {size + 2}", given, context.problem.ints)
                ]


def _replacing(old, new):
    return lambda n: new if n == old else n


def _sizes(context) -> list[int]:
    """The sizes that axes have, those of floating-point arguments first."""
    return sorted({n for a in context.problem.floats for n in a.shape if n > 0})


def _resized(context, kind, size, dtype: Any = np.float64) -> Resized:
    """The example with every axis' size n made size(n)."""
    rng, problem = context.rng, context.problem
    floats = tuple(_like(rng, a, tuple(map(size, a.shape)), dtype or a.dtype) for a in problem.floats)
    ints = []
    for a in problem.ints:
        if (is_index(a) or is_mask(a)) and np.size(a) and np.ndim(a):
            values = rng.choice(np.ravel(a), tuple(map(size, np.shape(a))))
            if is_index(a):  # an index of an axis that has shrunk stays inside it
                shrunk = [size(n) for b in problem.floats for n in b.shape if 0 < size(n) < n]
                values = np.minimum(values, min(shrunk, default=values.max(initial=0) + 1) - 1)
            a = jnp.asarray(values.astype(a.dtype))
        ints.append(a)
    return Resized(kind, floats, tuple(ints))


def _like(rng, a, shape, dtype: Any = np.float64):
    """Numbers of a's kind in another shape: drawn from its own, with some noise."""
    drawn = rng.choice(np.ravel(a).astype(np.float64), shape) if a.size else rng.normal(size=shape)
    return (drawn * (1 + 0.2 * rng.normal(size=shape)) + 0.01 * rng.normal(size=shape) * (drawn == 0)).astype(dtype)


def _accepted(context, resized) -> tuple[int, int] | None:
    """The larger extent of the two sides' backward programs, if the function takes the shapes; else None."""
    context.in_time()
    floats = [jax.ShapeDtypeStruct(a.shape, np.float64) for a in resized.floats]
    bare, rule = context.problem.bare, context.problem.rule

    def traced(side):
        with settings():
            cots = [jax.ShapeDtypeStruct(y.shape, y.dtype) for y in jax.eval_shape(bare.call, floats, resized.ints)]
            return extent(jax.make_jaxpr(side.bars)(floats, list(resized.ints), cots))

    try:
        here = traced(bare)
    except Exception:
        return None
    try:
        there = traced(rule)
    except Exception:  # it may refuse; that is seen when it is run
        there = here
    return max(here[0], there[0]), max(here[1], there[1])


def _unless_refused(context, stage, point, worst="fail") -> bool:
    """Compare, if the rule takes it; a rule may refuse a shape that its function would take, but not get it wrong."""
    try:
        context.compare(stage, point, worst)
    except _REFUSALS as error:
        context.skip(f"{stage} {point.kind}", f"the rule raises {one_line(error)}")
        return False
    return True


def _same(a, b):
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True)
