"""A program whose loops go on for some rounds after they have ended: what an iteration that stops early leaves to do."""

from collections.abc import Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, JaxprEqn, jaxpr_as_fun  # pyright: ignore[reportPrivateImportUsage]

from ._evaluate import bind, called, evaluate
from ._loops import is_iteration


def longer(program: ClosedJaxpr, args: Sequence[Any], rounds: Any) -> list[Any]:
    """The results of a program in which each loop that ends once a number is small goes on for so many rounds."""

    def step(_, e, operands):
        body = called(e)
        if body is not None:
            return evaluate(body, operands, step)
        results = bind(e, operands)
        return _gone_on(e, operands, results, rounds) if is_iteration(e) else results

    return evaluate(program, args, step)


def _gone_on(e: JaxprEqn, operands: Sequence[Any], ended: Sequence[Any], rounds: Any) -> list[Any]:
    first = e.params["cond_nconsts"]
    constants = operands[first : first + e.params["body_nconsts"]]
    body = jaxpr_as_fun(e.params["body_jaxpr"])
    return jax.lax.fori_loop(0, rounds, lambda _, carry: body(*constants, *carry), list(ended))
