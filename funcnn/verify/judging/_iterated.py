"""Functions found by iterations that stop early: both sides once more, with their loops gone on for some rounds."""

from enum import Enum
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._settings import compiled_quickly, settings
from ..programs._longer import longer
from ._judge import judge
from ._point import Measured, Point
from ._problem import Problem
from ._sides import Bars, Sides, cast
from ._tolerance import is_settled

_ROUNDS = 32, 65  # more, and an odd number between: what swings to and fro has not settled


class Further(Enum):
    """What becomes of rule and truth once their loops go on."""

    AGREE = "only the loops' early end kept them apart"
    DIFFER = "they differ still, or there is no loop to go on"
    UNSETTLED = "value or truth go on changing, so there is nothing to compare with"


def go_on(sides: Sides, measured: Measured) -> Further:
    """Hold rule and truth together once their loops have gone on; what still changes is the noise of both.

    Only if the function settles at the example does it say something that it does not settle at another point.
    """
    if not _settles_at_the_example(sides):
        return Further.DIFFER
    found = _changes(sides, measured.point)
    if found is None:
        return Further.DIFFER
    rule, truth = found
    if not _settled(truth):
        return Further.UNSETTLED
    noise = [np.abs(after - before) for before, after in zip(*(truth[i].bars for i in (0, 1)), strict=True)]
    if _settled(rule):
        moved = [np.abs(after - before) for before, after in zip(*(rule[i].bars for i in (0, 1)), strict=True)]
        noise = [np.fmax(n, m) for n, m in zip(noise, moved, strict=True)]
    settled = measured._replace(rule=rule[1].bars, truth=truth[1].bars, noise=noise)
    agree = not judge(settled, sides.tolerance(measured.point)).wrong.any()
    sides.ends_early |= agree
    return Further.AGREE if agree else Further.DIFFER


def _settles_at_the_example(sides: Sides) -> bool:
    if sides.settles is None:
        sides.settles = False
        if sides.traits.iterates and sides.dtype == "float64":
            problem = sides.problem
            ones = tuple(np.ones(shape) for shape in sides.output_shapes(problem.floats, problem.ints))
            found = _changes(sides, Point("", problem.floats, problem.ints, ones))
            sides.settles = found is not None and _settled(found[1])
    return sides.settles


def _changes(sides: Sides, point: Point) -> list[list[Bars]] | None:
    """Rule and truth after some rounds more, and after twice as many or so; None where that cannot be run."""
    args = (*cast(point, "float64"), list(point.ints))
    try:
        sides.going_on = going_on = sides.going_on or _compiled(sides.problem)
        with settings():
            once, twice = (jax.tree.map(np.asarray, going_on(n, *args)) for n in _ROUNDS)
    except Exception:  # what cannot be traced says nothing
        return None
    return [[Bars(*a), Bars(*b)] for a, b in zip(once, twice, strict=True)]


def _settled(sides: list[Bars]) -> bool:
    """Whether values and cotangents change little, if at all."""
    before, after = ([*bars.outputs, *bars.bars] for bars in sides)
    return all(is_settled(a, b) for a, b in zip(after, before, strict=True))


def _compiled(problem: Problem) -> Any:
    """Both sides' cotangents, with a number of rounds before the arguments."""

    def going_on(rounds: Any, floats: Any, cots: Any, ints: Any) -> list[Any]:
        both = []
        for side in (problem.rule, problem.bare):
            program = jax.make_jaxpr(side.bars)(floats, ints, cots)
            results = longer(program, jax.tree.leaves((floats, ints, cots)), jnp.asarray(rounds))
            both.append((results[: -len(floats)], results[-len(floats) :]))
        return both

    return compiled_quickly(going_on)
