"""What a traced program says of itself: its constants, the marks that it compares integers with, its number formats."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn, Literal  # pyright: ignore[reportPrivateImportUsage]

from ._evaluate import equations
from ._loops import counts_steps, is_iteration, number, tolerances

_DECOMPOSITIONS = {"svd", "eigh", "eig", "schur", "qr", "lu", "cholesky"}


class Facts(NamedTuple):
    """What was read off the equations of some programs.

    Attributes:
      constants: magnitudes of the floating-point literals that could be a threshold.
      marks: integers that integer arrays are tested for equality with, such as the id that a loss ignores.
      indexed: lengths of the axes that are read or written by index.
      wraps: whether integers are taken modulo another, so that an index may be of any size.
      dtypes: names of the floating-point formats that values have on their way.
      decomposes: whether it decomposes matrices by iterations that infinities keep from ending.
      callbacks: whether it calls back to the host.
      unbounded: whether a loop ends only when some number gets small, and counts no steps.
      iterates: whether a loop ends when some number gets small.
      finest: the smallest tolerance at which a loop stops, as its condition has it; infinite without one.
    """

    constants: tuple[float, ...]
    marks: tuple[int, ...]
    indexed: frozenset[int]
    wraps: bool
    dtypes: frozenset[str]
    decomposes: bool
    callbacks: bool
    unbounded: bool
    iterates: bool
    finest: float


def facts(programs: Sequence[ClosedJaxpr]) -> Facts:
    """Read the programs' equations, those of inner programs included."""
    found = [(e.primitive.name, e) for program in programs for _, e in equations(program.jaxpr)]
    numbers = [(name, n) for name, e in found for n in map(number, e.invars)]
    variables = [v for _, e in found for v in (*e.invars, *e.outvars) if not isinstance(v, Literal)]
    sizes = {abs(n) for _, n in numbers if isinstance(n, float)}
    return Facts(
        constants=tuple(sorted(size for size in sizes if 1e-8 <= size < 1e6)),
        marks=tuple(sorted({n for name, n in numbers if isinstance(n, int) and name in {"eq", "ne"}})),
        indexed=frozenset(length for _, e in found for length in _indexed(e)),
        wraps=any(name == "rem" and _is_integer(e.outvars[0]) for name, e in found),
        dtypes=frozenset(name for name in _dtypes(variables) if "float" in name and name != "float0"),
        decomposes=any(name in _DECOMPOSITIONS for name, _ in found),
        callbacks=any("callback" in name for name, _ in found),
        unbounded=any(name == "while" and not counts_steps(e) for name, e in found),
        iterates=any(is_iteration(e) for _, e in found),
        finest=min((n for _, e in found for n in tolerances(e)), default=np.inf),
    )


def extent(program: ClosedJaxpr) -> tuple[int, int]:
    """How many equations the program has, and how many elements its largest array, made on the way or before."""
    found = [e for _, e in equations(program.jaxpr)]
    variables = [*program.jaxpr.constvars, *(v for e in found for v in e.outvars)]
    return len(found), max((getattr(v.aval, "size", 0) for v in variables), default=0)


def stops_at(program: ClosedJaxpr) -> float:
    """The largest tolerance at which a loop of the program stops, as its condition has it; 0 without one."""
    return max((n for _, e in equations(program.jaxpr) for n in tolerances(e)), default=0.0)


def formats(program: ClosedJaxpr) -> frozenset[str]:
    """The names of the dtypes of all numbers in a program, its arguments and literals included."""
    inside = [v for _, e in equations(program.jaxpr) for v in (*e.invars, *e.outvars)]
    return _dtypes([*program.jaxpr.constvars, *program.jaxpr.invars, *program.jaxpr.outvars, *inside])


def _dtypes(variables: Iterable[Any]) -> frozenset[str]:
    return frozenset(str(getattr(v.aval, "dtype", "")) for v in variables)


def _indexed(equation: JaxprEqn) -> list[int]:
    """The lengths of the axes along which an equation gathers or scatters."""
    numbers = equation.params.get("dimension_numbers")
    axes = getattr(numbers, "start_index_map", None) or getattr(numbers, "scatter_dims_to_operand_dims", ())
    operands: list[Any] = equation.invars
    return [operands[0].aval.shape[axis] for axis in axes]


def _is_integer(variable: Any) -> bool:
    return jnp.issubdtype(variable.aval.dtype, np.integer)
