"""Which parameters a program uses once, in one argument of one rule: of these a rule's backward pass knows all."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import jax
from jax.extend.core import Primitive, jaxprs_in_params  # pyright: ignore[reportPrivateImportUsage]

Slot = tuple[int, int]  # the number of a call of a rule, and of an array among its arguments

_slot_p = Primitive("slot")
_slot_p.def_abstract_eval(lambda a, token, *, at: a)

_KEEPS_NORMS = {"convert_element_type", "reshape", "transpose", "squeeze", "expand_dims", "copy", "neg", "rev"}


def marked(a: jax.Array, token: jax.Array, at: Slot) -> jax.Array:
    """An argument of a rule, marked for `slots_of`. A program with marks is read, and never run."""
    return _slot_p.bind(a, token, at=at)


def slots_of(program: Any, leaves: int) -> list[Slot | None]:
    """Where each of a program's first arguments is used, if that is once, in a slot that gets nothing else.

    Args:
      program: a closed jaxpr, with marks.
      leaves: how many of its arguments.

    Returns:
      For each argument its slot; None if it is used elsewhere too, or what reaches the slot has another norm.
    """
    found = [_slot(program.jaxpr, v) for v in program.jaxpr.invars[:leaves]]
    reached, there = Counter(found), Counter(_slots_in(program.jaxpr))
    return [slot if slot is not None and reached[slot] == there[slot] else None for slot in found]


def _slot(jaxpr: Any, var: Any) -> Slot | None:
    uses = [(eqn, i) for eqn in jaxpr.eqns for i, v in enumerate(eqn.invars) if v is var]
    if len(uses) != 1 or any(v is var for v in jaxpr.outvars):
        return None
    ((eqn, i),) = uses
    if eqn.primitive is _slot_p:
        return eqn.params["at"]
    if eqn.primitive.name in _KEEPS_NORMS:
        return _slot(jaxpr, eqn.outvars[0])
    inner = _handed_on(eqn, i)
    return None if inner is None else _slot(*inner)


def _handed_on(eqn: Any, i: int) -> tuple[Any, Any] | None:
    """The program inside of an equation, and its argument that is the equation's i-th, or a scan's slice of it."""
    name, inner = eqn.primitive.name, eqn.params.get("jaxpr")
    if name not in {"scan", "jit", "pjit", "checkpoint", "remat2"} or inner is None:
        return None
    inner = getattr(inner, "jaxpr", inner)
    if len(inner.invars) != len(eqn.invars):
        return None
    outer, var = eqn.invars[i].aval, inner.invars[i]
    in_each_round = name == "scan" and outer.shape == var.aval.shape
    return None if in_each_round else (inner, var)


def _slots_in(jaxpr: Any) -> Iterator[Slot]:
    for eqn in jaxpr.eqns:
        if eqn.primitive is _slot_p:
            yield eqn.params["at"]
        for inner in jaxprs_in_params(eqn.params):
            yield from _slots_in(inner)
