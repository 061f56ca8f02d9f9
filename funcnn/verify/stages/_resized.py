"""The example in other shapes, and which of these the function takes."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import one_line
from .._settings import apart, settings
from ..judging._battery import is_index, is_mask
from ..judging._point import Floats, Ints, Point
from ..judging._problem import Side
from ..judging._trial import Trial, judge_at
from ..programs._facts import extent

MOST_NUMBERS = 2**23  # in any one array on the way


class Resized(NamedTuple):
    """Inputs of other shapes.

    Attributes:
      kind: what they are called.
      floats, ints: the inputs.
      broadcasts: whether an axis was made 0 or 1, which a function may take only because that broadcasts.
    """

    kind: str
    floats: Floats
    ints: Ints
    broadcasts: bool = False

    def points(self, trial: Trial) -> list[Point]:
        """A point at these inputs."""
        return trial.sides.points(self.kind, self.floats, self.ints)


def replacing(old: int, new: int) -> Callable[[int], int]:
    """Sizes of axes as they are, but ``new`` for ``old``."""
    return lambda n: new if n == old else n


def sizes_of(trial: Trial) -> list[int]:
    """The sizes that axes of floating-point arguments have, but 0."""
    return sorted({n for a in trial.problem.floats for n in a.shape if n > 0})


def resize(trial: Trial, kind: str, size: Callable[[int], int], keep_dtype: bool = False) -> Resized:
    """The example with every axis' size n made size(n), in float64 unless it keeps its dtype."""
    rng, problem = trial.rng, trial.problem
    made = [like(rng, a, tuple(map(size, a.shape))) for a in problem.floats]
    floats = tuple(a.astype(b.dtype) if keep_dtype else a for a, b in zip(made, problem.floats, strict=True))
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


def like(rng: np.random.Generator, a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of a's kind in another shape: drawn from its own, with some noise."""
    drawn = rng.choice(np.ravel(a).astype(np.float64), shape) if a.size else rng.normal(size=shape)
    return (drawn * (1 + 0.2 * rng.normal(size=shape)) + 0.01 * rng.normal(size=shape) * (drawn == 0)).astype(
        np.float64
    )


def accepted(trial: Trial, resized: Resized) -> tuple[int, int] | None:
    """The larger extent of the two sides' backward programs, if the function takes the shapes; else None."""
    trial.ledger.in_time()
    if not trial.problem.domains.fit([a.shape for a in resized.floats]):
        return None
    truth = trial.sides.truth
    floats = [jax.ShapeDtypeStruct(a.shape, truth) for a in resized.floats]
    bare, rule = trial.problem.bare, trial.problem.rule

    def traced(side: Side) -> tuple[int, int]:
        with settings(truth):
            cots = [
                jax.ShapeDtypeStruct(y.shape, y.dtype) for y in jax.eval_shape(apart(bare.call), floats, resized.ints)
            ]
            return extent(jax.make_jaxpr(apart(side.bars))(floats, list(resized.ints), cots))

    try:
        here = traced(bare)
    except Exception:
        return None
    try:
        there = traced(rule)
    except Exception:  # it may refuse, which is seen when it is run
        there = here
    return max(here[0], there[0]), max(here[1], there[1])


def unless_refused(trial: Trial, stage: str, point: Point, worst: str = "fail") -> bool:
    """Judge, if the rule takes it; a rule may refuse a shape that its function would take, but not get it wrong."""
    try:
        judge_at(trial, stage, point, worst)
    except Exception as error:
        trial.ledger.skip(f"{stage} {point.kind}", f"the rule raises {one_line(error)}")
        return False
    return True
