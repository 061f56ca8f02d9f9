"""What the recurrent rules ask of their arguments."""

from .._common._checks import are_integers, describe, require_bool, shapes
from ._time import Sequence


def sequence(rule: str, gates: int, x, w_x, w_h, lengths, reverse, *, carry, biases) -> Sequence:
    """The sequence, if all arguments fit.

    Args:
      rule: its name.
      gates: how many pre-activations a feature has.
      x, w_x, w_h, lengths, reverse: the rule's arguments.
      carry, biases: the others by their names.

    Raises:
      TypeError, ValueError: an argument is not as it must be; the message says which, what came and what was expected.
    """
    size = gates * (*getattr(w_h, "shape", ()), 0)[0]
    weights = {"w_h": (w_h, f"features {size}"), "w_x": (w_x, f"n {size}")}
    given = {name: (a, "batch features") for name, a in carry.items()}
    added = {name: (b, f"{size} | None") for name, b in biases.items()}
    shapes(rule, x=(x, "batch time n"), **weights, **given, **added)
    require_direction(rule, x, lengths, reverse)
    return Sequence(x, w_x, w_h, lengths, reverse)


def require_direction(rule: str, x, lengths, reverse) -> None:
    """Raise TypeError or ValueError unless lengths are None or an integer for each row of x, and reverse is a bool."""
    require_bool(rule, reverse=reverse)
    if lengths is not None:
        if not are_integers(lengths):
            raise TypeError(f"{rule}: lengths must be an array of integers, got {describe(lengths)}")
        if lengths.shape != x.shape[:1]:
            raise ValueError(f"{rule}: lengths must be {list(x.shape[:1])} to follow x, got {describe(lengths)}")
