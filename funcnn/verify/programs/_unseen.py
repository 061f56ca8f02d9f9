"""The rules in a traced program, which no handler sees: in a ClosedJaxpr, an export, or a hijax primitive bound there."""

import sys
from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, JaxprEqn  # pyright: ignore[reportPrivateImportUsage]

from ..._hijax import has_rule
from ..._intercept import Rule
from .._without_rules import without_rules
from ._evaluate import equations

_TRACED = {"CustomVJPTraced", "CustomJVPTraced", "OptRemat"}  # what JAX makes of a user's rule


def unseen(f: Callable[..., Any], args: tuple[Any, ...]) -> int:
    """How many rules of a function are left when all that can be seen are taken out; those that JAX ships do not count."""
    numbers = lambda tree: [leaf for leaf in jax.tree.leaves(tree) if hasattr(leaf, "dtype")]
    program = jax.make_jaxpr(lambda: numbers(without_rules(f, everything=True)(*args)))()
    return rules_left(program)


def unseen_said(n: int) -> str:
    """What is said of n such rules."""
    return f"cannot be seen, in a program traced before (a ClosedJaxpr, an export): {n} rules"


def rules_left(program: ClosedJaxpr) -> int:
    """How many rules a traced program holds, but for those that JAX ships."""
    left = [e for _, e in equations(program.jaxpr) if _is_rule(e)]
    return len({id(e) for e in left})  # a program that is called twice holds its rules once


def _is_rule(equation: JaxprEqn) -> bool:
    name, params = equation.primitive.name, equation.params
    if name in {"custom_vjp_call", "custom_jvp_call"}:
        body = params["call_jaxpr"]
        return not _ships_with_jax(getattr(body, "jaxpr", body).debug_info.func_src_info)
    if not name.startswith("call_hi_primitive"):
        return False
    primitive = params.get("_prim")
    if type(primitive).__module__.partition(".")[0] == "jax":
        return type(primitive).__name__ in _TRACED
    return not hasattr(primitive, "vjp_fwd") or has_rule(primitive)


def _ships_with_jax(source: str) -> bool:
    """Whether ``name at file:line`` is where a module of JAX defines a rule: `jax.custom_vjp(jnp.tanh)` is yours."""
    name, _, place = source.partition(" at ")
    file = place.rpartition(":")[0]
    return any(
        isinstance(getattr(module, name, None), Rule)
        for module in [*sys.modules.values()]
        if getattr(module, "__file__", None) == file and module.__name__.partition(".")[0] == "jax"
    )
