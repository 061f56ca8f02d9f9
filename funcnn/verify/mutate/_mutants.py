"""Breaks the backward pass of a hand-written rule in small ways, each of which a check of the rule ought to find."""

from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache, partial, wraps
from itertools import zip_longest
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import ClosedJaxpr
from jax.extend.source_info_util import summarize
from jax.interpreters.partial_eval import dce_jaxpr

from ..._intercept import _handler, intercept
from .._settings import settings
from ..judging._battery import INTEGERS, NOISE, NORMAL, battery
from ..judging._problem import make_problem
from ..programs._evaluate import bind, equations, evaluate
from ..report._report import Report, Score
from ._faults import FAULTS, WHOLE, floating


class Mutant(NamedTuple):
    """A function with one fault in a backward pass: what is broken, in a few words, and the function."""

    name: str
    f: Callable[..., Any]


class Mutants(NamedTuple):
    """The mutants, no two alike, and how many faults were tried besides that change nothing."""

    mutants: tuple[Mutant, ...]
    equivalent: int


def mutants(f: Callable[..., Any], args: tuple[Any, ...], limit: int = 50, seed: int = 0) -> Mutants:
    """Break the backward pass of each `jax.custom_vjp` rule that f calls, in up to ``limit`` ways in all.

    A mutant takes f's arguments, of every shape and dtype, and has its values. Its backward pass is traced anew at each
    call; where the call leaves nothing to break, nothing is broken. A fault is no mutant where it gives, at a few inputs
    with and without zeros and ties, exactly what f or an earlier mutant gives.

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


# The parameter of an equation that holds the programs inside it, where a fault can be as well.
_BODIES = {"jit": "jaxpr", "scan": "jaxpr", "while": "body_jaxpr", "cond": "branches"}

# What a rule is known by, for f may make it anew at each call.
_code = lambda rule: tuple(getattr(g, "__code__", g) for g in (rule.__wrapped__, rule.bwd))


def _points(problem, rng):
    """Floats and cotangents: three points in float64, one with zeros and ties; and the example, as it is."""
    kinds = dict(battery(problem.floats, (), rng))
    with settings():
        outputs = problem.rule.call([jnp.asarray(a) for a in problem.floats], problem.ints)
    for floats in (kinds[NOISE], kinds[NORMAL], kinds[INTEGERS], problem.floats):
        yield floats, [30 * rng.normal(size=y.shape) for y in outputs]


def _bars(problem, floats, cotangents):
    """The cotangents of the floats, op by op: most mutants are run only once or twice."""
    with settings():
        y, pull = jax.vjp(lambda floats: problem.rule.call(floats, problem.ints), [jnp.asarray(a) for a in floats])
        return pull([jnp.asarray(g, a.dtype) for g, a in zip(cotangents, y, strict=True)])[0]


def _mark(problem, points, i):
    """What tells a backward pass from others at the i-th point; zeros of either sign are one, and so are all NaNs."""
    try:
        bars = [np.asarray(b, np.float64) + 0.0 for b in _bars(problem, *points[i])]
    except Exception as error:
        return type(error)
    return b"".join(np.where(np.isnan(b), np.nan, b).tobytes() for b in bars)


def _candidates(f, args, problem, point, rng):
    """Each fault that there is room for at the point, as a mutant: in a drawn order, one a rule and kind in turn."""
    rules = {_code(rule): rule for rule in problem.rules if isinstance(rule, jax.custom_vjp)}
    groups = defaultdict(list)
    for code, rule in rules.items():
        seen: list[Any] = []
        _bars(make_problem(_broken(f, code, _evaluate, seen.append), args, None), *point)
        for kind, primitive, n, where in _faults(seen[0], getattr(rule, "__name__", "the rule")) if seen else ():
            change = partial(_evaluate, kind=kind, primitive=primitive, n=n)
            groups[code, kind].append(Mutant(f"{kind}: {primitive} {n} {where}", _broken(f, code, change)))
    queues = [[group[i] for i in rng.permutation(len(group))] for group in groups.values()]
    rows = zip_longest(*(queues[i] for i in rng.permutation(len(queues))))
    return [mutant for row in rows for mutant in row if mutant]


def _faults(jaxpr, rule):
    """Kind, primitive, which one, and where, of each fault that a backward pass has room for."""
    counts: Counter[str] = Counter()
    for path, e in equations(jaxpr, _bodies):
        name, top = e.primitive.name, jaxpr.eqns[path[0]]
        source = (top if top.primitive.name == "jit" else e).source_info  # inside jit, of whatever traced it first
        where = ":".join(summarize(source).rpartition("/")[2].split(" ")[0].split(":")[:2])
        yield from ((kind, name, counts[name], f"at {where}") for kind, (room, _) in FAULTS.items() if room(e))
        counts[name] += 1
    for i in range(sum(map(floating, jaxpr.outvars))):
        yield from ((kind, "cotangent", i, f"of {rule}") for kind in WHOLE)


def _broken(f, code, evaluate, look=None):
    """f, with ``evaluate(program)`` for the backward pass of the rule of that code."""

    # Equal handlers share what jit inside f has traced.
    handler = cache(lambda outer: partial(_call, outer, code, lambda rule: _with_backward(rule, evaluate, look)))

    @wraps(f)
    def broken(*args, **kwargs):
        with intercept(handler(_handler.value)):
            return f(*args, **kwargs)

    return broken


def _call(outer, code, broken, rule, args, kwargs):
    """Call a rule, or the broken one if it has the code, as whoever intercepts the whole of f would have it called."""
    with intercept(outer):
        return (broken(rule) if isinstance(rule, jax.custom_vjp) and _code(rule) == code else rule)(*args, **kwargs)


def _with_backward(rule, evaluate, look):
    """The rule with its backward pass evaluated otherwise; ``look`` is shown that of each call."""

    def fwd(*args):
        with intercept(None):
            y, residuals = rule.fwd(*args)
            if look:  # here, for while JAX runs bwd every equation has the line of the rule's call
                look(_program(rule.bwd, *(args[i] for i in rule.nondiff_argnums), residuals, y)[0].jaxpr)
            return y, residuals

    def bwd(*args):
        with intercept(None):
            program, tree = _program(rule.bwd, *args)
            return tree.unflatten(evaluate(program))

    broken = jax.custom_vjp(rule.__wrapped__, nondiff_argnums=rule.nondiff_argnums)
    broken.defvjp(fwd, bwd, symbolic_zeros=rule.symbolic_zeros)
    return broken


def _program(bwd, *args):
    """The jaxpr of a backward pass, its arguments constants of it, and the tree of its results."""
    given = lambda: jax.tree.map(lambda bar: None if isinstance(bar, SymbolicZero) else bar, bwd(*args))
    program, shapes = jax.make_jaxpr(given, return_shape=True)()
    live, _ = dce_jaxpr(program.jaxpr, True)
    return ClosedJaxpr(live, program.consts), jax.tree.structure(shapes)


def _evaluate(program, kind=None, primitive=None, n=0):
    """A program's results, with a fault in the n-th equation of a primitive, or cotangent, where there is room for it."""
    if kind in FAULTS:
        room, change = FAULTS[kind]
        found = [(path, e) for path, e in equations(program.jaxpr, _bodies) if e.primitive.name == primitive]
        path = found[n][0] if n < len(found) and room(found[n][1]) else ()
        return _changed(program, (), path, change)
    outs, places = _changed(program), [i for i, v in enumerate(program.jaxpr.outvars) if floating(v)]
    if kind and n < len(places):
        outs[places[n]] = WHOLE[kind]([jnp.asarray(outs[i]) for i in places], n)
    return outs


def _changed(program, args=(), path=(), change: Any = None):
    """A program's results, the equation at the path giving what ``change`` makes of it."""

    def step(i, e, operands):
        if path[:1] != (i,):
            return bind(e, operands)
        if len(path) > 1:
            return bind(_inside(e, path[1:], change), operands)
        one = len(e.outvars) == 1
        run = lambda *operands, **params: bind(e, operands, **params)[0] if one else bind(e, operands, **params)
        return [change(e, operands, run)] if one else change(e, operands, run)

    return evaluate(program, args, step)


def _inside(e, path, change):
    """The equation with the change in one of the programs inside it."""
    bodies, tree = jax.tree.flatten(e.params[_BODIES[e.primitive.name]])
    body = bodies[path[0]]
    bodies[path[0]] = jax.make_jaxpr(lambda *xs: _changed(body, xs, path[1:], change))(*body.in_avals)
    return e.replace(params=e.params | {_BODIES[e.primitive.name]: tree.unflatten(bodies)})


def _bodies(e):
    """The programs inside an equation that can be changed; what takes a key is JAX's own and left whole."""
    if any(jnp.issubdtype(v.aval.dtype, jax.dtypes.prng_key) for v in e.invars):
        return []
    return [body.jaxpr for body in jax.tree.leaves(e.params.get(_BODIES.get(e.primitive.name)))]
