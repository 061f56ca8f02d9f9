"""The example in other shapes, and which of these the function takes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import one_line
from .._settings import settings
from ..judging._battery import is_index, is_mask
from ..programs._facts import extent

REFUSALS = (TypeError, ValueError, IndexError, ZeroDivisionError, NotImplementedError, AssertionError)


MOST_NUMBERS = 2**23  # in any one array on the way


class Resized(NamedTuple):
    """Inputs of other shapes, and what they are called."""

    kind: str
    floats: tuple[np.ndarray, ...]
    ints: tuple[Any, ...]


def replacing(old, new):
    return lambda n: new if n == old else n


def sizes_of(context) -> list[int]:
    """The sizes that axes have, those of floating-point arguments first."""
    return sorted({n for a in context.problem.floats for n in a.shape if n > 0})


def resize(context, kind, size, dtype: Any = np.float64) -> Resized:
    """The example with every axis' size n made size(n)."""
    rng, problem = context.rng, context.problem
    floats = tuple(like(rng, a, tuple(map(size, a.shape)), dtype or a.dtype) for a in problem.floats)
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


def like(rng, a, shape, dtype: Any = np.float64):
    """Numbers of a's kind in another shape: drawn from its own, with some noise."""
    drawn = rng.choice(np.ravel(a).astype(np.float64), shape) if a.size else rng.normal(size=shape)
    return (drawn * (1 + 0.2 * rng.normal(size=shape)) + 0.01 * rng.normal(size=shape) * (drawn == 0)).astype(dtype)


def accepted(context, resized) -> tuple[int, int] | None:
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


def unless_refused(context, stage, point, worst="fail") -> bool:
    """Compare, if the rule takes it; a rule may refuse a shape that its function would take, but not get it wrong."""
    try:
        context.compare(stage, point, worst)
    except REFUSALS as error:
        context.skip(f"{stage} {point.kind}", f"the rule raises {one_line(error)}")
        return False
    return True
