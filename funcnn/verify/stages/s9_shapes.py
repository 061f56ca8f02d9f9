"""S9: other sizes of each axis, and a leading axis more."""

from collections.abc import Iterator

import numpy as np

from .._errors import one_line
from ..judging._tolerance import STACKED, STACKED_FLOOR
from ..judging._trial import Trial
from ._resized import Resized, accepted, like, replacing, resize, unless_refused


def shapes(trial: Trial) -> bool:
    """S9: other sizes of each axis, and a leading axis more, where the function and the rule take them."""
    if not trial.sides.trusted:
        trial.ledger.skip("S9 shapes", "no autodiff to compare with")
        return False
    taken = 0
    for variants in _variants(trial):
        fitting = [resized for resized in variants if accepted(trial, resized) is not None]
        if all(resized.broadcasts for resized in fitting):
            continue  # it is taken, if at all, only because that broadcasts
        taken += len(fitting)
        for point in (point for resized in fitting for point in resized.points(trial)):
            unless_refused(trial, "S9", point)
    _ranks(trial)
    if not taken:
        trial.ledger.skip("S9 shapes", "the function takes no other shapes")
    return bool(taken)


def _ranks(trial: Trial) -> None:
    """A leading axis more, where the function itself treats it as a batch.

    A failure is a note in two cases.

    - The arguments were vectors: a rule for a vector may leave batches to vmap.
    - Of all batches, only one as long as a square matrix is taken: a rule for a matrix may exchange its axes by ``.T``.
    """
    problem = trial.problem
    everything = tuple(range(len(problem.floats)))
    squares = [a.shape[-1] for a in problem.floats if a.ndim > 1 and 1 < a.shape[-1] == a.shape[-2] < 9]
    lengths = [3] if not squares else [4 if squares[0] == 3 else 3, squares[0]]
    for stacked in dict.fromkeys([everything, (0,), *((i,) for i in everything)]):
        refused = False
        for k in lengths:
            resized = _stacked(trial, stacked, k)
            if resized is None:
                continue
            worst = "note" if refused or any(problem.floats[i].ndim < 2 for i in stacked) else "fail"
            refused |= not all(unless_refused(trial, "S9", at, worst) for at in resized.points(trial))


def _stacked(trial: Trial, stacked: tuple[int, ...], k: int) -> Resized | None:
    """Batches of k for some arguments; None where the function does not take them one by one."""
    problem = trial.problem
    floats = tuple(
        np.stack([like(trial.rng, a, a.shape) for _ in range(k)]) if i in stacked else a.astype(np.float64)
        for i, a in enumerate(problem.floats)
    )
    resized = Resized(f"a leading axis more for {[problem.names[i] for i in stacked]}", floats, problem.ints)
    if accepted(trial, resized) is None:
        return None
    rows = [[a[j] if i in stacked else a for i, a in enumerate(floats)] for j in range(k)]
    try:
        one_by_one = [trial.sides.outputs(row, problem.ints) for row in rows]
        together = trial.sides.outputs(floats, problem.ints)
    except Exception as error:  # it may look at values
        trial.ledger.skip(f"S9 {resized.kind}", f"the function raises {one_line(error)}")
        return None
    pairs = zip(together, zip(*one_by_one, strict=True), strict=True)
    return resized if all(_same(y, np.stack(each)) for y, each in pairs) else None


def _variants(trial: Trial) -> Iterator[list[Resized]]:
    """Groups of other shapes: each size made others, all sizes one longer, one axis alone."""
    floats = trial.problem.floats
    sizes = sorted({n for a in floats for n in a.shape})
    for size in sizes:
        news = [n for n in dict.fromkeys([1, size + 1, 2 * size + 1, 2, 3, 0]) if n != size]
        made = [(new, resize(trial, f"axes of {size} made {new}", replacing(size, new))) for new in news]
        yield [resized._replace(broadcasts=new < 2) for new, resized in made]
    if len(sizes) > 1:
        yield [resize(trial, "axes of every size made one longer", lambda n: n + 1 if n > 1 else n)]
    for i, a in enumerate(floats):
        for axis, size in enumerate(a.shape):
            if size > 1 and sum(b.shape.count(size) for b in floats) > 1:
                other = like(trial.rng, a, (*a.shape[:axis], size + 2, *a.shape[axis + 1 :]))
                given = tuple(other if j == i else b.astype(np.float64) for j, b in enumerate(floats))
                yield [Resized(f"axis {axis} of {trial.problem.names[i]} made {size + 2}", given, trial.problem.ints)]


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=STACKED, atol=STACKED_FLOOR, equal_nan=True)
