"""What a check found, as data, text, JSON and HTML."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from ..._html import Html, badge, element, heat_map, notebook, table, table_row

LEFT_OUT = "left out of the example"  # why an option was not exercised


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
      stage: "S0" … "S11".
      status: "fail", "inconclusive" or "note".
      message: what is wrong, in one line.
      argument: the argument's name, where there is one.
      index: of the argument's worst element.
      got, expected: the two values there.
      inputs: the kind of input and cotangent that brought it out.
      guess: a likely cause.
      errors: a picture of the cotangent's errors, relative to its largest element, in at most 24 rows and columns.
    """

    stage: str
    status: str
    message: str
    argument: str = ""
    index: tuple[int, ...] = ()
    got: float | None = None
    expected: float | None = None
    inputs: str = ""
    guess: str = ""
    errors: tuple[tuple[float, ...], ...] = ()

    def __str__(self) -> str:
        where = f" {self.argument}{list(self.index) if self.index else ''}" if self.argument else ""
        got, expected = told_apart(self.got, self.expected)
        values = f": got {got}, expected {expected}" if got else ""
        inputs = f" [{self.inputs}]" if self.inputs else ""
        guess = f" - {self.guess}?" if self.guess else ""
        return f"{self.status.upper():12} {self.stage:3} {self.message}{where}{values}{inputs}{guess}"


def told_apart(got: float | None, expected: float | None) -> tuple[str, str]:
    """Two numbers in six digits, or in as many as it takes to tell them apart; "" for none, and for two that are equal."""
    if got is None or expected is None or got == expected:
        return "", ""
    texts = ((f"{got:.{digits}g}", f"{expected:.{digits}g}") for digits in range(6, 18))
    return next((a, b) for a, b in texts if a != b or math.isnan(got))


class Score(NamedTuple):
    """How well a check does on broken copies of the rule.

    Attributes:
      caught, total: broken backward passes that it fails, and all that were tried.
      missed: what was broken in the others.
      equivalent: how many faults were left out because they change nothing.
    """

    caught: int
    total: int
    missed: tuple[str, ...]
    equivalent: int

    def __str__(self) -> str:
        text = f"{self.caught} of {self.total} broken copies of the backward pass would be found"
        return f"{text}; not: {'; '.join(self.missed)}" if self.missed else text


class Report(NamedTuple):
    """What `check` found.

    Attributes:
      name: the function's.
      findings: failures, what could not be settled, and notes.
      passed: the stages that compared something and found nothing wrong.
      skipped: ``(stage, reason)`` for what was not exercised; or ``(name, reason)`` for an option that keeps its default.
      seconds: how long it took.
      replay: a line that runs the same check again.
      cost: ``residual_bytes`` that the rule saves for its backward pass, ``autodiff_bytes`` that autodiff would, and
        ``growth``: by which power of an axis' size the rule's grow.
      score: how the check does on broken copies of the rule, where that was asked for.
      example: where the arguments came from, if they were not given.
      compared: ``(stage, points)`` for each stage that ran: at how many it compared something. S7 counts
        transformations.
    """

    name: str
    findings: tuple[Finding, ...]
    passed: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    seconds: float
    replay: str
    cost: dict[str, Any] | None = None
    score: Score | None = None
    example: str = ""
    compared: tuple[tuple[str, int], ...] = ()

    @property
    def status(self) -> str:
        """ "fail" with any failure, else "inconclusive" with anything unsettled, else "pass"."""
        found = {finding.status for finding in self.findings}
        return next((s for s in ("fail", "inconclusive") if s in found), "pass")

    @property
    def ok(self) -> bool:
        return self.status == "pass"

    def raise_for_failure(self) -> None:
        """Raise AssertionError with the whole report unless the status is "pass"."""
        if not self.ok:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.status.upper()} ({self.seconds:.1f} s)"]
        lines += [f"  {finding}" for finding in self.findings]
        lines += [f"  passed       {', '.join(with_points(self))}"] if self.passed else []
        lines += [f"  saves        {_cost(self.cost)}"] if self.cost and self.cost["residual_bytes"] is not None else []
        lines += [f"  self-score   {self.score}"] if self.score else []
        lines += [f"  not run      {line}" for line in not_run(self)]
        lines += [f"  example      {self.example}"] if self.example else []
        lines += [f"  again: {self.replay}"] if not self.ok else []
        return "\n".join(lines)

    def to_json(self) -> str:
        """The report as a JSON object; numbers that are not finite become strings."""
        data = {"name": self.name, "status": self.status, "seconds": self.seconds, "replay": self.replay}
        data |= {"example": self.example}
        data |= {"findings": [asdict(finding) for finding in self.findings]}
        data |= {"passed": list(self.passed), "compared": dict(self.compared)}
        data |= {"skipped": [list(pair) for pair in self.skipped], "cost": self.cost}
        data |= {"score": self.score._asdict() if self.score else None}
        return json.dumps(finite(data), allow_nan=False, indent=1)

    def _repr_html_(self) -> str:
        head = element("p", element("b", self.name), " ", badge(self.status), seconds(self))
        return notebook(head, *details(self))


def _cost(cost: dict[str, Any]) -> str:
    text = f"{cost['residual_bytes']:,} bytes for the backward pass"
    if cost["autodiff_bytes"] is not None:
        text += f", autodiff {cost['autodiff_bytes']:,}"
    growth = ", ".join(f"{axes} to the power {power:g}" for axes, power in cost["growth"].items() if power)
    return f"{text}; growing with {growth}" if growth else text


def finite(data: Any) -> Any:
    """Data for JSON: numbers that are not finite become strings, tuples lists."""
    if isinstance(data, dict):
        return {key: finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [finite(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    return data


def details(report: Report) -> Iterator[Html]:
    """Findings with their heat maps, what was not exercised, and how to run it again."""
    if report.findings:
        yield table(
            _COLUMNS, [table_row(_cells(finding), class_=finding.status) for finding in report.findings], "findings"
        )
    yield from (heat_map(finding.errors, _caption(finding)) for finding in report.findings if finding.errors)
    if report.example:
        yield element("p", "Example arguments: ", report.example)
    if report.passed:
        yield element("p", "Passed: ", ", ".join(with_points(report)))
    if report.skipped:
        items = [element("li", line) for line in not_run(report)]
        yield element("div", "Not exercised:", element("ul", *items))
    if not report.ok:
        yield element("p", "Again: ", element("code", report.replay))


def not_run(report: Report) -> list[str]:
    """What was not exercised, a line a reason."""
    stages: dict[str, list[str]] = {}
    for stage, reason in report.skipped:
        stages.setdefault(reason, []).append(stage)
    return [f"{', '.join(of_reason)}: {reason}" for reason, of_reason in stages.items()]


def with_points(report: Report) -> list[str]:
    """The stages that passed, each with the number of points at which it compared something."""
    return [stage + points(report, stage) for stage in report.passed]


def points(report: Report, stage: str) -> str:
    """At how many points a stage compared something, in parentheses; "" where nobody counted."""
    n = dict(report.compared).get(stage, 0)
    return f" ({n} point{'' if n == 1 else 's'})" if n else ""


def seconds(report: Report) -> Html:
    """How long a check took, in small letters."""
    return element("small", f" {report.seconds:.1f} s")


_COLUMNS = ("status", "stage", "what", "where", "got", "expected", "inputs", "guess")


def _cells(finding: Finding) -> list[str]:
    """A finding's row of the table."""
    where = f"{finding.argument}{list(finding.index) if finding.index else ''}"
    got, expected = told_apart(finding.got, finding.expected)
    status = badge(finding.status)
    return [status, finding.stage, finding.message, where, got, expected, finding.inputs, finding.guess]


def _caption(finding: Finding) -> str:
    argument = finding.argument or "the argument"
    return f"{finding.stage}: relative errors in the cotangent of {argument}, as powers of ten; a dot for no error"
