"""Inputs of layers along a sequence: x, or a dict of x and of what comes with it, such as lengths or a memory."""

from collections.abc import Mapping, Set
from typing import Any

from .._streaming import refuse

X = frozenset({"x"})


def entries(layer: str, inputs: Any, known: Set[str], needed: Set[str] = X) -> dict[str, Any]:
    """x and what comes with it, as a dict.

    Raises:
      ValueError: an entry is not known, or one that is needed is not there.
    """
    given = dict(inputs) if isinstance(inputs, Mapping) else {"x": inputs}
    if not needed <= set(given) <= known:
        array = "an array, or " if needed == X else ""
        raise ValueError(f"{layer}: x must be {array}a dict with {' and '.join(sorted(needed))}, and no other entries than "
                         f"{_listed(known)}, got {_listed(given)}")  # fmt: skip
    return given


def alone(inputs: Any) -> Any:
    """x of a stream: its lengths are the step's, and the rest is carried or counted."""
    given = inputs if isinstance(inputs, Mapping) else {"x": inputs}
    return given["x"] if set(given) == X else refuse(f"a stream takes x alone, got {_listed(given)}")


def _listed(names) -> str:
    return ", ".join(sorted(map(str, names)))
