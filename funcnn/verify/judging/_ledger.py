"""What a check has found so far, what it left out, and how long it may go on."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .._errors import one_line
from .._time_limit import OutOfTimeError
from ..report._report import Finding

NOTHING_TO_COMPARE = "nothing to compare with"


class EnoughError(BaseException):
    """A failure was found, and one is enough."""


@dataclass
class Alone:
    """What finite differences alone have said of an argument.

    Attributes:
      settled, unsettled: of how many numbers, point by point.
      stage, kind: where the first was that they did not settle.
    """

    settled: int = 0
    unsettled: int = 0
    stage: str = ""
    kind: str = ""


class Ledger:
    """The record of one check.

    Attributes:
      findings, skipped: so far.
      raising: for each stage the kinds of inputs that raised an error, and what it said.
      alone: for each argument of which autodiff said nothing somewhere, what differences said: how many of its numbers
        they settled, how many not, and where the first of these was.
      compared: at how many points each stage, "S0" to "S11", has compared something; S7 counts transformations.
      deadline: on the clock of `time.monotonic`.
      first: whether the first failure ends the check.
    """

    def __init__(self, budget: float, first: bool = False):
        self.findings: list[Finding] = []
        self.skipped: list[tuple[str, str]] = []
        self.raising: dict[str, list[str]] = {}
        self.alone: dict[str, Alone] = {}
        self.compared: Counter[str] = Counter()
        self.deadline = time.monotonic() + budget
        self.first = first

    def failed(self) -> bool:
        """Whether there is a failure."""
        return any(finding.status == "fail" for finding in self.findings)

    def add(self, finding: Finding) -> None:
        """Keep a finding, the first of its stage, status and argument."""
        key = lambda f: (f.stage, f.status, f.argument)
        if key(finding) not in map(key, self.findings):
            self.findings.append(finding)
        if finding.status == "fail" and self.first:
            raise EnoughError

    def skip(self, what: str, why: str) -> None:
        """List what could not be run, once."""
        if (what, why) not in self.skipped:
            self.skipped.append((what, why))

    def count(self, stage: str, points: int = 1) -> None:
        """Count points at which a stage has compared something: only for these can it pass."""
        self.compared[stage] += int(points)

    @contextmanager
    def one_input_less(self, stage: str, kind: str) -> Iterator[None]:
        """Go on after an input that raises: it is one less to compare, and listed."""
        try:
            yield
        except Exception as error:
            self.raising.setdefault(stage, []).append(f"{kind}: {one_line(error)}")

    def left_out(self) -> tuple[tuple[str, str], ...]:
        """What could not be run, with the inputs that raised."""
        raising = self.raising.items()
        return (*self.skipped, *((f"{stage} inputs that raise", f"{len(a)}, the first {a[0]}") for stage, a in raising))

    def in_time(self) -> None:
        """Raise OutOfTimeError once the budget is spent."""
        if time.monotonic() > self.deadline:
            raise OutOfTimeError
