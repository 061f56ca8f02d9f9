"""Breaks the backward pass of a hand-written rule in small ways, each of which a check of the rule ought to find."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import zip_longest
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr
from jax.extend.source_info_util import summarize

from ..._intercept import name_of
from .._settings import settings
from ..judging._battery import INTEGERS, NOISE, NORMAL, battery
from ..judging._problem import Problem, make_problem
from ..programs._evaluate import equations
from ..report._report import Report, Score
from ._broken import Fault, bodies, broken, code_of
from ._faults import FAULTS, WHOLE, floating

Point = tuple[Sequence[np.ndarray], Sequence[np.ndarray]]  # floats and cotangents


class Mutant(NamedTuple):
    """A function with one fault in a backward pass: what is broken, in a few words, and the function."""

    name: str
    f: Callable[..., Any]


class Mutants(NamedTuple):
    """The mutants, no two alike, and how many other faults were tried that change nothing."""

    mutants: tuple[Mutant, ...]
    equivalent: int


def mutants(f: Callable[..., Any], args: tuple[Any, ...], limit: int = 50, seed: int = 0) -> Mutants:
    """Break the backward pass of each `jax.custom_vjp` rule that f calls, in up to ``limit`` ways in all.

    A mutant takes f's arguments, of every shape and dtype, and has its values. Its backward pass is traced anew at each
    call; where the call leaves nothing to break, nothing is broken. A fault that gives exactly what f or an earlier mutant
    gives is not a mutant. That is tried at a few inputs, with and without zeros and ties.

    Args:
      f: a `jax.custom_vjp` function, or any function that calls some.
      args: one natural call's arguments.
      limit: how many mutants at most, drawn evenly over rules and kinds of faults.
      seed: of all that is drawn.

    Raises:
      ValueError: limit is negative.
    """
    if limit < 0:
        raise ValueError(f"limit must be at least 0, got {limit}")
    problem, rng = make_problem(f, args, None), np.random.default_rng(seed)
    points = list(_points(problem, rng))
    marks = lambda g: cache(partial(_mark, make_problem(g, args, None), points))
    same = lambda a, b: all(a(i) == b(i) for i in range(len(points)))
    original, found, equivalent = marks(f), {}, 0
    for mutant in _candidates(f, args, problem, points[-1], rng):
        if len(found) == limit:
            break
        mark = marks(mutant.f)
        if same(mark, original):
            equivalent += 1
        elif not any(same(mark, other) for other in found):
            found[mark] = mutant
    return Mutants(tuple(found.values()), equivalent)


def score_of(
    f: Callable[..., Any], args: tuple[Any, ...], limit: int, seed: int, checked: Callable[[Callable[..., Any]], Report]
) -> Score:
    """How many mutants of f a check fails."""
    found = mutants(f, args, limit, seed)
    missed = tuple(mutant.name for mutant in found.mutants if checked(mutant.f).status != "fail")
    total = len(found.mutants)
    return Score(total - len(missed), total, missed, found.equivalent)


def _points(problem: Problem, rng: np.random.Generator) -> Iterator[Point]:
    """Floats and cotangents: three points in float64, one with zeros and ties; and the example, as it is."""
    kinds = dict(battery(problem.floats, (), rng))
    with settings(_dtypes(problem.floats)):
        outputs = problem.rule.call([jnp.asarray(a) for a in problem.floats], problem.ints)
    for floats in (kinds[NOISE], kinds[NORMAL], kinds[INTEGERS], problem.floats):
        yield floats, [30 * rng.normal(size=y.shape) for y in outputs]


def _bars(problem: Problem, floats: Sequence[np.ndarray], cotangents: Sequence[np.ndarray]) -> list[jax.Array]:
    """The cotangents of the floats, op by op: most mutants are run only once or twice."""
    with settings(_dtypes(floats)):
        y, pull = jax.vjp(lambda floats: problem.rule.call(floats, problem.ints), [jnp.asarray(a) for a in floats])
        return pull([jnp.asarray(g, a.dtype) for g, a in zip(cotangents, y, strict=True)])[0]


def _dtypes(floats: Sequence[np.ndarray]) -> tuple[str, ...]:
    return tuple(str(a.dtype) for a in floats)


def _mark(problem: Problem, points: Sequence[Point], i: int) -> bytes | type[Exception]:
    """What tells a backward pass from others at the i-th point. Zeros of either sign count as equal, and so do all NaNs."""
    try:
        bars = [np.asarray(b, np.float64) + 0.0 for b in _bars(problem, *points[i])]
    except Exception as error:
        return type(error)
    return b"".join(np.where(np.isnan(b), np.nan, b).tobytes() for b in bars)


def _candidates(
    f: Callable[..., Any], args: tuple[Any, ...], problem: Problem, point: Point, rng: np.random.Generator
) -> list[Mutant]:
    """A mutant for each fault that there is room for at the point, in a drawn order that takes rules and kinds in turn."""
    rules = {code_of(rule): rule for rule in problem.rules if isinstance(rule, jax.custom_vjp)}
    groups = defaultdict(list)
    for code, rule in rules.items():
        seen: list[Jaxpr] = []
        _bars(make_problem(broken(f, code, None, seen.append), args, None), *point)
        for fault, where in _faults(seen[0], name_of(rule)) if seen else ():
            name = f"{fault.kind}: {fault.primitive} {fault.n} {where}"
            groups[code, fault.kind].append(Mutant(name, broken(f, code, fault)))
    queues = [[group[i] for i in rng.permutation(len(group))] for group in groups.values()]
    rows = zip_longest(*(queues[i] for i in rng.permutation(len(queues))))
    return [mutant for row in rows for mutant in row if mutant]


def _faults(jaxpr: Jaxpr, rule: str) -> Iterator[tuple[Fault, str]]:
    """Each fault that a backward pass has room for, and where it is."""
    counts: Counter[str] = Counter()
    for path, e in equations(jaxpr, bodies):
        name, top = e.primitive.name, jaxpr.eqns[path[0]]
        source = (top if top.primitive.name == "jit" else e).source_info  # inside jit, of whatever traced it first
        where = ":".join(summarize(source).rpartition("/")[2].split(" ")[0].split(":")[:2])
        yield from ((Fault(kind, name, counts[name]), f"at {where}") for kind, (room, _) in FAULTS.items() if room(e))
        counts[name] += 1
    for i in range(sum(map(floating, jaxpr.outvars))):
        yield from ((Fault(kind, "cotangent", i), f"of {rule}") for kind in WHOLE)
