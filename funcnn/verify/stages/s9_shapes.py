"""S9 and S10: other sizes of each axis, another rank, long axes; and what is saved for the backward pass."""

from collections.abc import Iterator

import numpy as np

from ..judging._judge import Context
from ._resized import Resized, accepted, like, replacing, resize, unless_refused


def shapes(context: Context) -> bool:
    """S9: other sizes of each axis, and a leading axis more, where the function and the rule take them."""
    if not context.trusted:
        context.skip("S9 shapes", "no autodiff to compare with")
        return False
    taken = 0
    for variants in _variants(context):
        fitting = [resized for resized in variants if accepted(context, resized) is not None]
        if all(resized.kind.endswith(("made 0", "made 1")) for resized in fitting):
            continue  # it is taken, if at all, only because that broadcasts
        taken += len(fitting)
        for point in (point for resized in fitting for point in context.points(*resized)):
            unless_refused(context, "S9", point)
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
            refused |= not all(unless_refused(context, "S9", at, worst) for at in context.points(*resized))


def _stacked(context, stacked, k) -> Resized | None:
    """Batches of k for some arguments; None where the function does not take them one by one."""
    problem = context.problem
    floats = tuple(
        np.stack([like(context.rng, a, a.shape) for _ in range(k)]) if i in stacked else a.astype(np.float64)
        for i, a in enumerate(problem.floats)
    )
    resized = Resized(f"a leading axis more for {[problem.names[i] for i in stacked]}", floats, problem.ints)
    if accepted(context, resized) is None:
        return None
    one_by_one = [
        context.outputs([a[j] if i in stacked else a for i, a in enumerate(floats)], problem.ints) for j in range(k)
    ]
    together = context.outputs(floats, problem.ints)
    pairs = zip(together, zip(*one_by_one, strict=True), strict=True)
    return resized if all(_same(y, np.stack(rows)) for y, rows in pairs) else None


def _variants(context) -> Iterator[list[Resized]]:
    """Groups of other shapes: each size made others, all sizes one longer, one axis alone."""
    floats = context.problem.floats
    sizes = sorted({n for a in floats for n in a.shape})
    for size in sizes:
        news = [n for n in dict.fromkeys([1, size + 1, 2 * size + 1, 2, 3, 0]) if n != size]
        yield [resize(context, f"axes of {size} made {new}", replacing(size, new)) for new in news]
    if len(sizes) > 1:
        yield [resize(context, "axes of every size made one longer", lambda n: n + 1 if n > 1 else n)]
    for i, a in enumerate(floats):
        for axis, size in enumerate(a.shape):
            if size > 1 and sum(b.shape.count(size) for b in floats) > 1:
                other = like(context.rng, a, (*a.shape[:axis], size + 2, *a.shape[axis + 1 :]))
                given = tuple(other if j == i else b.astype(np.float64) for j, b in enumerate(floats))
                yield [
                    Resized(f"axis {axis} of {context.problem.names[i]} made {size + 2}", given, context.problem.ints)
                ]


def _same(a, b):
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True)
