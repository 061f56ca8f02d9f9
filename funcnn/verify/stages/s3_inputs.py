"""S3 and S5: inputs of every kind, kinks and other indices among them."""

from collections.abc import Iterator

import numpy as np

from ..judging._battery import (
    EXAMPLE,
    LOG_UNIFORM_BAR,
    NOISE,
    NORMAL,
    NORMAL_3,
    NORMAL_30,
    NORMAL_BAR,
    ONE_HOT_BAR,
    battery,
    int_variants,
    negative,
)
from ..judging._domain import EVERYWHERE
from ..judging._ledger import Ledger
from ..judging._point import Point
from ..judging._sides import Sides
from ..judging._trial import Trial, judge_at
from ..report._report import Finding
from .s0_contract import same_values
from .s3_branches import branches
from .s3_options import options


def inputs(trial: Trial) -> bool:
    """S3 and S5: the battery, kinks included."""
    tried = []
    for point in _points(trial):
        with trial.ledger.one_input_less("S3", point.kind):
            judge_at(trial, "S3", point)
            tried.append(point)
            same_values(trial, point)
    branches(trial, tried)
    _indices_from_the_end(trial)
    options(trial)
    _in_the_examples_domain(trial)
    return True


def _points(trial: Trial) -> Iterator[Point]:
    """The points of the battery, each drawn when its turn comes."""
    problem, sides, traits = trial.problem, trial.sides, trial.sides.traits
    sizes = {n for a in problem.floats for n in a.shape} | traits.indexed
    variants = list(int_variants(problem.ints, sorted(sizes), traits.marks, traits.wraps, trial.rng))
    bars = (NORMAL_BAR,) if trial.level == 0 else (NORMAL_BAR, LOG_UNIFORM_BAR, ONE_HOT_BAR)
    for kind, floats in battery(problem.floats, traits.constants, trial.rng, traits.thresholds):
        if not sides.far and not kind.near:
            continue
        if traits.decomposes and not all(np.isfinite(a).all() for a in floats):
            trial.ledger.skip("S3 infinite inputs", "a matrix is decomposed, which might never end")
            continue
        for suffix, ints in variants if kind in (EXAMPLE, NORMAL) else variants[:2]:
            points = []
            with trial.ledger.one_input_less("S3", kind.name + suffix):
                points = sides.points(kind.name + suffix, floats, ints, bars)
            yield from points
    if sides.far:
        far = tuple(NORMAL_30.draw(trial.rng, a) for a in problem.floats)
        with trial.ledger.one_input_less("S3", "before the edge of the domain"):
            for name, floats in sides.before_edges(far):
                yield from sides.points(f"before the edge of the domain of {name}", floats, problem.ints, bars)


def _indices_from_the_end(trial: Trial) -> None:
    """What a rule makes of negative indices is noted: not every function is meant to take them."""
    problem, sides = trial.problem, trial.sides
    if not sides.far:
        why = "a loop that counts no steps might never end there" if sides.trusted else "no autodiff to compare with"
        trial.ledger.skip("S3 far from the example", why)
    elif any(a is not b for a, b in zip(problem.ints, negative(problem.ints), strict=True)):
        kind = "indices counted from the end"
        with trial.ledger.one_input_less("S3", kind):
            for point in sides.points(kind, problem.floats, negative(problem.ints)):
                judge_at(trial, "S3", point, worst="note")


def _in_the_examples_domain(trial: Trial) -> None:
    """Note it where a rule that is wrong is right in the set in which the example's arguments lie."""
    problem, ledger = trial.problem, trial.ledger
    if not ledger.failed() or problem.shown == problem.domains:
        return
    there = problem._replace(domains=problem.shown)
    sides = Sides(there, trial.rng, ledger.in_time)
    apart = trial._replace(problem=there, sides=sides, ledger=Ledger(0))
    kinds = dict(battery(problem.floats, (), trial.rng))
    for kind in (EXAMPLE, NOISE, NORMAL, NORMAL_3) if sides.far else (EXAMPLE,):
        with ledger.one_input_less("S3", kind.name):
            for point in sides.points(kind.name, kinds[kind], problem.ints):
                judge_at(apart, "S3", point)
    if not apart.ledger.findings:
        domains = {name: domain.name for name, domain in zip(problem.names, problem.shown.each, strict=True)}
        said = {name: domain for name, domain in domains.items() if domain != EVERYWHERE.name}
        ledger.add(Finding("S3", "note", f"it is right where the example lies: if all arguments do, say domain={said}"))
