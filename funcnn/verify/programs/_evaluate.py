"""A traced program walked and run, equation by equation."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, jaxprs_in_params  # pyright: ignore[reportPrivateImportUsage]

Path = tuple[int, ...]
Step = Callable[[int, JaxprEqn, list[Any]], Sequence[Any]]

# The parameter of an equation that holds the program which it calls once and in place.
_CALLED = {"jit": "jaxpr", "closed_call": "call_jaxpr", "checkpoint": "jaxpr", "custom_jvp_call": "call_jaxpr"}


def inner(equation: JaxprEqn) -> Sequence[Jaxpr]:
    """The programs inside an equation."""
    return tuple(jaxprs_in_params(equation.params))


def equations(jaxpr: Jaxpr, inside: Callable[[JaxprEqn], Sequence[Jaxpr]] = inner) -> Iterator[tuple[Path, JaxprEqn]]:
    """Every equation with its path, those inside an equation after it.

    Args:
      jaxpr: the program.
      inside: the programs to enter at an equation, all of them unless said otherwise.

    Yields:
      ``(i, j, k)`` for the k-th equation of the j-th program inside the i-th equation, and so on; and the equation.
    """
    for i, equation in enumerate(jaxpr.eqns):
        yield (i,), equation
        for j, body in enumerate(inside(equation)):
            yield from (((i, j, *path), e) for path, e in equations(body, inside))


def constants(program: ClosedJaxpr) -> Iterator[Any]:
    """The constants of a program and of the programs inside it."""
    yield from program.consts
    for _, equation in equations(program.jaxpr):
        for value in equation.params.values():
            inside = value if isinstance(value, (tuple, list)) else [value]
            yield from (c for body in inside if isinstance(body, ClosedJaxpr) for c in body.consts)


def evaluate(
    program: ClosedJaxpr, args: Sequence[Any], step: Step, constant: Callable[[Any], Any] = lambda value: value
) -> list[Any]:
    """The results of a program whose equations are run by ``step``.

    Args:
      program: to be run.
      args: its arguments. They may be anything that ``step`` knows how to handle, such as arrays with names.
      step: ``step(i, equation, operands)`` gives the results of the i-th equation.
      constant: what stands for a literal or a constant of the program.
    """
    jaxpr = program.jaxpr
    known = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*map(constant, program.consts), *args], strict=True))
    read = lambda v: constant(v.val) if isinstance(v, Literal) else known[v]
    for i, equation in enumerate(jaxpr.eqns):
        known.update(zip(equation.outvars, step(i, equation, [read(v) for v in equation.invars]), strict=True))
    return [read(v) for v in jaxpr.outvars]


def bind(equation: JaxprEqn, operands: Sequence[Any], **changed: Any) -> list[Any]:
    """The results of an equation, some of its parameters changed."""
    with equation.ctx.manager:
        results = equation.primitive.bind(*operands, **equation.primitive.get_bind_params(equation.params | changed))
    return results if equation.primitive.multiple_results else [results]


def called(equation: JaxprEqn) -> ClosedJaxpr | None:
    """The program that an equation does nothing but call; None for any other equation."""
    body = equation.params.get(_CALLED.get(equation.primitive.name, ""))
    return body if body is None or isinstance(body, ClosedJaxpr) else ClosedJaxpr(body, ())
