"""A public rule as data: where it is, how it is called, what it is expected to be, and the evidence for a fault."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple


class Call(NamedTuple):
    """What `funcnn.verify.check` is given.

    Attributes:
      f: the rule, or a function that calls it.
      args: one natural call's arguments, as they are.
      options: of `check`: a reference, a domain, whether the rule is a surrogate.
    """

    f: Callable[..., Any]
    args: tuple[Any, ...]
    options: Mapping[str, Any] = MappingProxyType({})


class Value(NamedTuple):
    """Evidence: the value that differentiation returns is not the function's.

    Attributes:
      args: the call's arguments, nested lists for arrays.
      output: the number of the result that is looked at.
    """

    args: tuple[Any, ...]
    output: int = 0


class Slope(NamedTuple):
    """Evidence: a slope by the rule is not the slope of finite differences of the function's own value.

    Attributes:
      args: the call's arguments, nested lists for arrays.
      argument: which one is differentiated.
      element: which of its numbers.
      output: the number of the result that is looked at.
      forward: whether by forward mode, else by reverse.
      size: of a step, where the argument's own is not a measure; half an interval in which the function is smooth.
    """

    args: tuple[Any, ...]
    argument: int = 0
    element: int = 0
    output: int = 0
    forward: bool = False
    size: float | None = None


class Rule(NamedTuple):
    """A row of the table.

    Attributes:
      package: that it is installed with.
      name: the rule's dotted name.
      file: that it is defined in, below site-packages.
      call: makes the call; it alone imports the package.
      expected: "pass", "fail" or "inconclusive".
      finding: what is to be found, in a few words.
      evidence: that it is a fault of the rule. A rule expected to fail has some; one expected to pass in spite of its
        evidence is a fault that the checker misses.
    """

    package: str
    name: str
    file: str
    call: Callable[[], Call]
    expected: str = "pass"
    finding: str = ""
    evidence: Sequence[Value | Slope] = ()
