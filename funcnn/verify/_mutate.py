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
from jax.extend.core import ClosedJaxpr, Literal, primitives
from jax.extend.source_info_util import summarize
from jax.interpreters.partial_eval import dce_jaxpr

from .._intercept import _handler, intercept
from ._context import settings
from ._inputs import battery
from ._problem import make_problem


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


# What a rule is known by, for f may make it anew at each call.
_code = lambda rule: tuple(getattr(g, "__code__", g) for g in (rule.__wrapped__, rule.bwd))

# What faults ask of variables, do to arrays, and ask of equations: a floating-point result, by one of the primitives.
_floating = lambda v: jnp.issubdtype(v.aval.dtype, jnp.floating)
_alike = lambda *vs: len({(v.aval.shape, v.aval.dtype) for v in vs}) == 1
_square = lambda v: v.aval.ndim > 1 and v.aval.shape[-1] == v.aval.shape[-2] > 1
_constant = lambda v: isinstance(v, Literal) and _floating(v)
_times = lambda y, factor: y * jnp.asarray(factor, y.dtype)
_alone = lambda e, x: jnp.full(e.outvars[0].aval.shape, x, e.outvars[0].aval.dtype)


_result = lambda *names: (
    lambda e: len(e.outvars) == 1 and _floating(e.outvars[0]) and (not names or e.primitive.name in names)
)


def _constants_moved(e, xs):
    """The operands, those that are constants 5 % larger; 0 becomes 0.05."""
    new = lambda v: _times(jnp.asarray(v.val or 1 / 21, v.aval.dtype), 1.05)
    return [new(v) if _constant(v) else x for v, x in zip(e.invars, xs, strict=True)]


def _others(e):
    """The axes of the operand that a reduction over one axis could as well run over, by its result's shape."""
    shape, axes = e.invars[0].aval.shape, e.params["axes"]
    without = lambda axis: [*shape[:axis], *shape[axis + 1 :]]
    return tuple(b for b in range(len(shape)) for a in axes if a != b and len(axes) == 1 and without(a) == without(b))


_INSTEAD = {
    "max": "min", "min": "max", "gt": "ge", "ge": "gt", "lt": "le", "le": "lt", "eq": "ne", "and": "or", "or": "and",
    "cos": "sin", "sin": "cos", "exp": "expm1", "log": "log1p", "log1p": "log", "rsqrt": "sqrt", "sqrt": "rsqrt",
    "logistic": "tanh", "reduce_max": "reduce_min", "reduce_min": "reduce_max", "argmax": "argmin",
    "scatter-add": "scatter",
}  # fmt: skip
# The parameter of an equation that holds the programs inside it, where a fault can be as well.
_BODIES = {"jit": "jaxpr", "scan": "jaxpr", "while": "body_jaxpr", "cond": "branches"}
_any, _dot = _result(), _result("dot_general")
_reduction = _result("reduce_sum", "reduce_max", "reduce_min", "reduce_prod")

# Faults of one equation: where there is room, and the result instead, by the equation, its operands and its function.
FAULTS: dict[str, tuple[Callable[[Any], bool], Callable[[Any, list[Any], Callable[..., Any]], Any]]] = {
    "negated": (_any, lambda e, xs, run: -run(*xs)),
    "rounded to bfloat16": (_any, lambda e, xs, run: jax.lax.reduce_precision(run(*xs), 8, 7)),
    "one element zeroed": (_any, lambda e, xs, run: (y := run(*xs)).at[tuple(n // 2 for n in y.shape)].set(0)),
    "times the last axis' size": (_any, lambda e, xs, run: _times(y := run(*xs), max(y.shape[-1:], default=1))),
    "transposed": (lambda e: _any(e) and _square(e.outvars[0]), lambda e, xs, run: run(*xs).mT),
    "left out": (lambda e: _any(e) and len(e.invars) == 1 and _alike(*e.invars, *e.outvars), lambda e, xs, run: xs[0]),
    "first operand dropped": (_result("add", "add_any", "mul"), lambda e, xs, run: _alone(e, xs[1])),
    "second operand dropped": (_result("add", "add_any", "mul", "sub", "div"), lambda e, xs, run: _alone(e, xs[0])),
    "operands swapped": (_result("sub", "div", "pow", "atan2"), lambda e, xs, run: run(*xs[::-1])),
    "cases swapped": (lambda e: _result("select_n")(e) and len(e.invars) == 3, lambda e, xs, run: run(xs[0], xs[2], xs[1])),
    "factors swapped": (lambda e: _dot(e) and _alike(*e.invars), lambda e, xs, run: run(*xs[::-1])),
    "first factor transposed": (lambda e: _dot(e) and _square(e.invars[0]), lambda e, xs, run: run(xs[0].mT, xs[1])),
    "second factor transposed": (lambda e: _dot(e) and _square(e.invars[1]), lambda e, xs, run: run(xs[0], xs[1].mT)),
    "sum made a mean": (_result("reduce_sum"), lambda e, xs, run: _times(y := run(*xs), y.size / max(1, xs[0].size))),
    "over another axis": (lambda e: _reduction(e) and _others(e) != (), lambda e, xs, run: run(*xs, axes=_others(e)[:1])),
    "reversed": (lambda e: "reverse" in e.params, lambda e, xs, run: run(*xs, reverse=not e.params["reverse"])),
    "exponent one higher": (_result("integer_pow"), lambda e, xs, run: run(*xs, y=e.params["y"] + 1)),
    "constants + 5 %": (lambda e: any(map(_constant, e.invars)), lambda e, xs, run: run(*_constants_moved(e, xs))),
    **{f"made {b}": (lambda e, a=a: e.primitive.name == a,
                     lambda e, xs, run, b=b: getattr(primitives, f"{b}_p").bind(*xs, **e.params))
       for a, b in _INSTEAD.items()},
}  # fmt: skip

# Faults of a whole cotangent: from all of them and its place, the one instead.
WHOLE: dict[str, Callable[[list[Any], int], Any]] = {
    "made zero": lambda bars, i: jnp.zeros_like(bars[i]),
    "clipped to [-1, 1]": lambda bars, i: jnp.clip(bars[i], -1, 1),
    "times 1.001": lambda bars, i: _times(bars[i], 1.001),
    "given as float32": lambda bars, i: bars[i].astype(jnp.float32),
    "made the next alike": lambda bars, i: next((b for b in bars[i + 1 :] if jnp.shape(b) == jnp.shape(bars[i])), bars[i]),
}  # fmt: skip


def _points(problem, rng):
    """Floats and cotangents: three points in float64, one with zeros and ties; and the example, as it is."""
    kinds = dict(battery(problem.floats, (), rng))
    with settings():
        outputs = problem.rule.call([jnp.asarray(a) for a in problem.floats], problem.ints)
    for floats in (kinds["the example, 10 % noise"], kinds["normal"], kinds["integers"], problem.floats):
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
    for path, e in _equations(jaxpr):
        name, top = e.primitive.name, jaxpr.eqns[path[0]]
        source = (top if top.primitive.name == "jit" else e).source_info  # inside jit, of whatever traced it first
        where = ":".join(summarize(source).rpartition("/")[2].split(" ")[0].split(":")[:2])
        yield from ((kind, name, counts[name], f"at {where}") for kind, (room, _) in FAULTS.items() if room(e))
        counts[name] += 1
    for i in range(sum(map(_floating, jaxpr.outvars))):
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
        paths = [path if room(e) else () for path, e in _equations(program.jaxpr) if e.primitive.name == primitive]
        return _run(program, (), paths[n] if n < len(paths) else (), change)
    outs, places = _run(program), [i for i, v in enumerate(program.jaxpr.outvars) if _floating(v)]
    if kind and n < len(places):
        outs[places[n]] = WHOLE[kind]([jnp.asarray(outs[i]) for i in places], n)
    return outs


def _bodies(e):
    """The programs inside an equation and their tree; what takes a key is JAX's own and left whole."""
    keyed = any(jnp.issubdtype(v.aval.dtype, jax.dtypes.prng_key) for v in e.invars)
    return jax.tree.flatten(None if keyed else e.params.get(_BODIES.get(e.primitive.name)))


def _equations(jaxpr):
    """All equations in order, each after its path of indices from the top."""
    for i, e in enumerate(jaxpr.eqns):
        yield (i,), e
        for j, body in enumerate(_bodies(e)[0]):
            yield from (((i, j, *path), inner) for path, inner in _equations(body.jaxpr))


def _run(program, xs=(), path=(), change: Any = None):
    """A program's results, equation by equation; the one at the path gives what ``change`` makes of it."""
    jaxpr = program.jaxpr
    env = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*program.consts, *xs], strict=True))
    read = lambda v: v.val if isinstance(v, Literal) else env[v]
    for i, e in enumerate(jaxpr.eqns):
        run = partial(_bind, _inside(e, path[1:], change) if path[:1] == (i,) and path[1:] else e)
        operands = [read(v) for v in e.invars]
        out = change(e, operands, run) if path == (i,) else run(*operands)
        env.update(zip(e.outvars, [out] if len(e.outvars) == 1 else out, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _bind(e, *operands, **changed):
    """An equation's result; a list of them where there are several."""
    with e.ctx.manager:
        out = e.primitive.bind(*operands, **e.primitive.get_bind_params(e.params | changed))
    return out[0] if e.primitive.multiple_results and len(e.outvars) == 1 else out


def _inside(e, path, change):
    """The equation with the change in one of its bodies."""
    bodies, tree = _bodies(e)
    body = bodies[path[0]]
    bodies[path[0]] = jax.make_jaxpr(lambda *xs: _run(body, xs, path[1:], change))(*body.in_avals)
    return e.replace(params=e.params | {_BODIES[e.primitive.name]: tree.unflatten(bodies)})
