"""A program whose loops go on for some rounds after they have ended: what an iteration that stops early leaves to do."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn, jaxpr_as_fun  # pyright: ignore[reportPrivateImportUsage]

from ._evaluate import Step, bind, called, equations, evaluate, inner
from ._loops import is_iteration


def longer(program: ClosedJaxpr, args: Sequence[Any], rounds: Any) -> list[Any]:
    """The results of a program in which each loop that ends once a number is small goes on for so many rounds.

    So do those in the bodies of scans and in the branches of conditions.
    """

    def step(_, e, operands):
        body = called(e)
        if body is not None:
            return evaluate(body, operands, step)
        if is_iteration(e):
            return _gone_on(e, operands, bind(e, operands), rounds)
        run = _RUNS.get(e.primitive.name)
        if run and any(is_iteration(one) for body in inner(e) for _, one in equations(body)):
            return run(e, operands, step)
        return bind(e, operands)

    return evaluate(program, args, step)


def _scan(e: JaxprEqn, operands: Sequence[Any], step: Step) -> list[Any]:
    """A scan; how many of its operands are carried is not a parameter of the same name in every JAX."""
    body = e.params["jaxpr"]
    as_long = lambda outside, inside: sum(
        np.ndim(a.aval) == np.ndim(b.aval) for a, b in zip(outside, inside, strict=True)
    )
    last, carried = as_long(e.invars, body.jaxpr.invars), as_long(e.outvars, body.jaxpr.outvars)
    constants, carry, xs = operands[: last - carried], operands[last - carried : last], operands[last:]

    def once(carry: Sequence[Any], x: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        results = evaluate(body, [*constants, *carry, *x], step)
        return results[: len(carry)], results[len(carry) :]

    ended, ys = jax.lax.scan(once, list(carry), list(xs), e.params["length"], e.params["reverse"])
    return [*ended, *ys]


def _cond(e: JaxprEqn, operands: Sequence[Any], step: Step) -> list[Any]:
    index, *rest = operands
    branches = [lambda *args, branch=branch: evaluate(branch, args, step) for branch in e.params["branches"]]
    return jax.lax.switch(index, branches, *rest)


_RUNS = {"scan": _scan, "cond": _cond}


def _gone_on(e: JaxprEqn, operands: Sequence[Any], ended: Sequence[Any], rounds: Any) -> list[Any]:
    first = e.params["cond_nconsts"]
    constants = operands[first : first + e.params["body_nconsts"]]
    body = jaxpr_as_fun(e.params["body_jaxpr"])
    return jax.lax.fori_loop(0, rounds, lambda _, carry: body(*constants, *carry), list(ended))
