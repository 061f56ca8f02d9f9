"""What a traced program says of itself: its constants, the marks that it compares integers with, its number formats."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend import core


class Facts(NamedTuple):
    """What was read off the equations of some programs.

    Attributes:
      constants: magnitudes of the floating-point literals that could be a threshold.
      marks: integers that integer arrays are tested for equality with, such as the id that a loss ignores.
      indexed: lengths of the axes that are read or written by index.
      wraps: whether whole numbers are taken modulo another, so that an index may be of any size.
      dtypes: names of the floating-point formats that values have on their way.
      decomposes: whether it takes matrices apart by iterations that infinities keep from ending.
      callbacks: whether it calls back to the host.
      unbounded: whether a loop ends only when some number gets small, and counts no steps.
    """

    constants: tuple[float, ...]
    marks: tuple[int, ...]
    indexed: frozenset[int]
    wraps: bool
    dtypes: frozenset[str]
    decomposes: bool
    callbacks: bool
    unbounded: bool


def facts(jaxprs: Sequence[core.ClosedJaxpr]) -> Facts:
    """Read the programs' equations, those of inner programs included."""
    constants: set[float] = set()
    marks: set[int] = set()
    indexed: set[int] = set()
    dtypes: set[str] = set()
    decomposes = callbacks = unbounded = wraps = False
    for equation in (e for closed in jaxprs for e in _equations(closed.jaxpr)):
        for value in map(_literal, equation.invars):
            if isinstance(value, float):
                constants.add(abs(value))
            elif isinstance(value, int) and equation.primitive.name in {"eq", "ne"}:
                marks.add(value)
        decomposes |= equation.primitive.name in {"svd", "eigh", "eig", "schur", "qr", "lu", "cholesky"}
        indexed.update(_indexed(equation))
        wraps |= equation.primitive.name == "rem" and jax.numpy.issubdtype(equation.outvars[0].aval.dtype, np.integer)
        callbacks |= "callback" in equation.primitive.name
        if equation.primitive.name == "while":
            unbounded |= not any(map(_counts, equation.params["cond_jaxpr"].jaxpr.eqns))
        formats = (
            str(getattr(v.aval, "dtype", "")) for v in (*equation.invars, *equation.outvars) if not _is_literal(v)
        )
        dtypes |= {name for name in formats if "float" in name and name != "float0"}
    kept = sorted(c for c in constants if 1e-6 < c < 1e6)
    return Facts(
        tuple(kept),
        tuple(sorted(marks)),
        frozenset(indexed),
        wraps,
        frozenset(dtypes),
        decomposes,
        callbacks,
        unbounded,
    )


def _indexed(equation) -> list[int]:
    """The lengths of the axes along which an equation gathers or scatters."""
    numbers = equation.params.get("dimension_numbers")
    axes = getattr(numbers, "start_index_map", None) or getattr(numbers, "scatter_dims_to_operand_dims", ())
    return [equation.invars[0].aval.shape[axis] for axis in axes]


def _counts(equation):
    """Whether an equation compares whole numbers, as a loop's condition does that counts its steps."""
    compares = equation.primitive.name in {"lt", "le", "gt", "ge", "ne"}
    return compares and jax.numpy.issubdtype(equation.invars[0].aval.dtype, np.integer)


def extent(closed: core.ClosedJaxpr) -> tuple[int, int]:
    """How many equations the program has, and how many elements its largest array, made on the way or before."""
    equations = list(_equations(closed.jaxpr))
    variables = [*closed.jaxpr.constvars, *(v for e in equations for v in e.outvars)]
    return len(equations), max((getattr(v.aval, "size", 0) for v in variables), default=0)


def _equations(jaxpr: Any) -> Iterator[Any]:
    yield from jaxpr.eqns
    for inner in core.subjaxprs(jaxpr):
        yield from _equations(inner)


def _is_literal(variable):
    return isinstance(variable, core.Literal)


def _literal(variable) -> float | int | None:
    """The value of a literal number, a Python float or int; None for anything else."""
    if not _is_literal(variable) or np.ndim(variable.val) or not hasattr(variable.aval, "dtype"):
        return None
    if jax.numpy.issubdtype(variable.aval.dtype, np.floating):
        return float(variable.val)
    return int(variable.val) if jax.numpy.issubdtype(variable.aval.dtype, np.integer) else None
