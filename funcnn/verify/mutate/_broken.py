"""A function with a broken rule: its backward pass is run equation by equation, and one of them is changed."""

from collections.abc import Callable, Sequence
from functools import cache, partial, wraps
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn  # pyright: ignore[reportPrivateImportUsage]
from jax.interpreters.partial_eval import dce_jaxpr

from ..._intercept import Handler, current, intercept
from ..programs._evaluate import Path, bind, equations, evaluate
from ._faults import FAULTS, WHOLE, Change, floating

Code = tuple[Any, ...]

# The parameter of an equation that holds the programs inside it, where a fault can be as well.
_BODIES = {"jit": "jaxpr", "scan": "jaxpr", "while": "body_jaxpr", "cond": "branches"}


class Fault(NamedTuple):
    """One way to break a backward pass.

    Attributes:
      kind: of `FAULTS` or of `WHOLE`.
      primitive: of the equation that gives something else, for one of `FAULTS`.
      n: which of the primitive's equations, or which cotangent.
    """

    kind: str
    primitive: str
    n: int


def code_of(rule: Any) -> Code:
    """What a rule is known by, since a function may make it anew at each call."""
    return tuple(getattr(g, "__code__", g) for g in (rule.__wrapped__, rule.bwd))


def broken(f: Callable[..., Any], code: Code, fault: Fault | None, look: Callable[[Jaxpr], None] | None = None) -> Any:
    """f, with a fault in the backward pass of one of its rules.

    Args:
      f: a function that calls rules, or is one.
      code: of the rule.
      fault: where the pass has no room for it, nothing is broken; None breaks nothing.
      look: gets the program of the rule's backward pass at each call.
    """
    breaks = lambda rule: _with_backward(rule, lambda program: results(program, fault), look)
    handler = cache(lambda outer: partial(_call, outer, code, breaks))  # equal ones share what jit inside f has traced

    @wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        with intercept(handler(current())):
            return f(*args, **kwargs)

    return run


def _call(
    outer: Handler | None,
    code: Code,
    breaks: Callable[[Any], Any],
    rule: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Call a rule, or the broken one if it has the code, as whoever intercepts the whole of f would have it called."""
    with intercept(outer):
        return (breaks(rule) if isinstance(rule, jax.custom_vjp) and code_of(rule) == code else rule)(*args, **kwargs)


def _with_backward(
    rule: Any, run: Callable[[ClosedJaxpr], list[Any]], look: Callable[[Jaxpr], None] | None
) -> Callable[..., Any]:
    """The rule with its backward pass run otherwise; ``look`` is shown that of each call."""

    def fwd(*args: Any) -> tuple[Any, Any]:
        with intercept(None):
            y, residuals = rule.fwd(*args)
            if look:  # here, for while JAX runs bwd every equation has the line of the rule's call
                look(program_of(rule.bwd, *(args[i] for i in rule.nondiff_argnums), residuals, y)[0].jaxpr)
            return y, residuals

    def bwd(*args: Any) -> Any:
        with intercept(None):
            program, tree = program_of(rule.bwd, *args)
            return tree.unflatten(run(program))

    made = jax.custom_vjp(rule.__wrapped__, nondiff_argnums=rule.nondiff_argnums)
    made.defvjp(fwd, bwd, symbolic_zeros=rule.symbolic_zeros)
    return made


def program_of(bwd: Callable[..., Any], *args: Any) -> tuple[ClosedJaxpr, Any]:
    """The jaxpr of a backward pass, its arguments constants of it, and the tree of its results."""
    given = lambda: jax.tree.map(lambda bar: None if isinstance(bar, SymbolicZero) else bar, bwd(*args))
    program, shapes = jax.make_jaxpr(given, return_shape=True)()
    live, _ = dce_jaxpr(program.jaxpr, True)
    return ClosedJaxpr(live, program.consts), jax.tree.structure(shapes)


def results(program: ClosedJaxpr, fault: Fault | None = None) -> list[Any]:
    """A program's results, with a fault where there is room for it."""
    if fault and fault.kind in FAULTS:
        room, change = FAULTS[fault.kind]
        found = [(path, e) for path, e in equations(program.jaxpr, bodies) if e.primitive.name == fault.primitive]
        path = found[fault.n][0] if fault.n < len(found) and room(found[fault.n][1]) else ()
        return _changed(program, (), path, change)
    outs, places = _changed(program), [i for i, v in enumerate(program.jaxpr.outvars) if floating(v)]
    if fault and fault.n < len(places):
        outs[places[fault.n]] = WHOLE[fault.kind]([jnp.asarray(outs[i]) for i in places], fault.n)
    return outs


def bodies(e: JaxprEqn) -> list[Jaxpr]:
    """The programs inside an equation that can be changed; what takes a key is JAX's own and left whole."""
    return [body.jaxpr for body in jax.tree.leaves(_held(e)[1])]


def _held(e: Any) -> tuple[str, Any]:
    """The parameter that holds an equation's programs, and these."""
    name = _BODIES.get(e.primitive.name, "")
    keyed = any(jnp.issubdtype(v.aval.dtype, jax.dtypes.prng_key) for v in e.invars)
    return name, None if keyed else e.params.get(name)


def _changed(program: Any, args: Sequence[Any] = (), path: Path = (), change: Change | None = None) -> list[Any]:
    """A program's results, the equation at the path giving what ``change`` makes of it."""

    def step(i: int, e: Any, operands: list[Any]) -> Sequence[Any]:
        if change is None or path[:1] != (i,):
            return bind(e, operands)
        if len(path) > 1:
            return bind(_inside(e, path[1:], change), operands)
        one = len(e.outvars) == 1
        run = lambda *operands, **params: bind(e, operands, **params)[0] if one else bind(e, operands, **params)
        return [change(e, operands, run)] if one else change(e, operands, run)

    return evaluate(program, args, step)


def _inside(e: JaxprEqn, path: Path, change: Change) -> JaxprEqn:
    """The equation with the change in one of the programs inside it."""
    name, held = _held(e)
    inside, tree = jax.tree.flatten(held)
    body = inside[path[0]]
    inside[path[0]] = jax.make_jaxpr(lambda *xs: _changed(body, xs, path[1:], change))(*body.in_avals)
    return e.replace(params=e.params | {name: tree.unflatten(inside)})
