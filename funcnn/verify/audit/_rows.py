"""What an audit found: a row a call site, as text, JSON and HTML."""

import json
from typing import NamedTuple

import numpy as np

from ..._html import badge, element, notebook, table, table_row
from ..programs._unseen import unseen_said
from ..report._report import finite
from ._gradient import Own
from ._sites import Site, yours
from ._stand_in import Log


class AuditRow(NamedTuple):
    """One call site.

    Attributes:
      name: the rule's.
      file, line: where your code calls it, or calls the library that does.
      calls: how often its derivative was judged.
      errors: for each floating-point argument, the largest error of an element, relative to the largest element of
        autodiff's cotangent (for a custom_jvp: of autodiff's tangent along that argument).
      residual_bytes: what one call saves.
      status: "pass", "fail" or "inconclusive".
      reason: why, unless it passed.
      path: of the leaf of the program's first argument that it takes, such as ``head.w``, where one reaches it unchanged.
      number: 1, 2, … in the order of the calls, where several have the same stack; else 0.
      stack: ``file:line`` of every frame between the audit and the call that is not JAX's, innermost first.
    """

    name: str
    file: str
    line: int
    calls: int
    errors: dict[str, float]
    residual_bytes: int
    status: str
    reason: str
    path: str = ""
    number: int = 0
    stack: tuple[str, ...] = ()

    def __str__(self) -> str:
        here = f"{self.file}:{self.line}"
        parts = [f"{self.name} {here}" + (f" #{self.number}" if self.number else "")]
        parts += [self.path] if self.path else []
        parts += [f"in {self.stack[0]}"] if self.stack and self.stack[0] != here else []
        worst = max(self.errors.values(), default=0.0)
        parts += [self.status, f"calls {self.calls}, error {worst:.1e}, saves {self.residual_bytes:,} bytes"]
        return "  ".join(parts) + (f"  ({self.reason})" if self.reason else "")


class Audit(NamedTuple):
    """What `audit` found.

    Attributes:
      rows: one a call site.
      unseen: how many rules lie in programs traced before (a ClosedJaxpr, an export), where they cannot be judged.
    """

    rows: tuple[AuditRow, ...]
    unseen: int = 0

    @property
    def status(self) -> str:
        """ "fail" with any row that fails; "inconclusive" with a rule unseen; else "pass" with any that passes or no rule.

        A right program may have sites that no cotangent reaches, in a while loop or behind a stop_gradient. These are not
        judged and not held against it. But where nothing was judged, nothing was shown.
        """
        found = {row.status for row in self.rows}
        if "fail" in found:
            return "fail"
        return "pass" if not self.unseen and ("pass" in found or not self.rows) else "inconclusive"

    @property
    def ok(self) -> bool:
        """Whether the status is "pass"."""
        return self.status == "pass"

    def raise_for_failure(self) -> None:
        """Raise AssertionError with the whole report unless the status is "pass"."""
        if not self.ok:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        lines = [str(row) for row in self.rows] or ["no custom rule is called"] * (not self.unseen)
        if self.unseen:
            lines.append(unseen_said(self.unseen))
        return "\n".join(lines)

    def to_json(self) -> str:
        """The report as a JSON object; numbers that are not finite become strings."""
        rows = [row._asdict() for row in self.rows]
        return json.dumps(
            finite({"status": self.status, "unseen": self.unseen, "rows": rows}), allow_nan=False, indent=1
        )

    def _repr_html_(self) -> str:
        unseen = f", {self.unseen} rules unseen" if self.unseen else ""
        rows = [table_row(_cells(row), class_=row.status) for row in self.rows]
        return notebook(
            element("p", element("b", "audit"), " ", badge(self.status), unseen), table(_COLUMNS, rows, "sites")
        )


_COLUMNS = ("status", "name", "line", "number", "path", "calls", "errors", "saves", "reason")


def _cells(row: AuditRow) -> list[str]:
    errors = ", ".join(f"{name}: {error:.1e}" for name, error in row.errors.items())
    return [badge(row.status), row.name, f"{row.file}:{row.line}", str(row.number or ""), row.path, str(row.calls), errors,
            f"{row.residual_bytes:,} bytes", row.reason]  # fmt: skip


def rows_of(sites: dict[Site, dict[str, str]], logs: dict[Site, Log], own: Own) -> tuple[AuditRow, ...]:
    """A row for each site. One inside a rule, or one that a library traces twice, gets a row only where it was judged.

    Args:
      sites: the call sites outside other rules; for each, the parameters that its arguments are.
      logs: what is known of these and of those inside rules.
      own: what the program's own gradient does at them.
    """
    logs = {site: Log() for site in sites} | logs
    for site, raised in own.raised.items():
        logs[site].settled = "fail", f"jax.grad of the program raises {raised}"
    judged = {(site.name, yours(site)) for site, log in logs.items() if log.stats}
    known = lambda site, log: log.stats or log.settled
    told = [s for s, log in logs.items() if known(s, log) or not (s.nested or (s.name, yours(s)) in judged)]
    alike = [site[:2] for site in told]
    reached = lambda site: (
        (named := sites.get(site, {})) | dict.fromkeys(set(own.reached.get(site, ())) - set(named), "")
    )
    return tuple(_row(site, logs[site], reached(site), alike.count(site[:2]) > 1) for site in told)


def _row(site: Site, log: Log, parameters: dict[str, str], numbered: bool) -> AuditRow:
    declared = [name for name in log.names if name.startswith(log.without)] if log.without else []
    stats = np.asarray(log.stats, np.float64).reshape(len(log.stats), len(log.names) + 2, 3)
    status, reason = _verdict(log, stats, declared, parameters)
    errors = {name: float(stats[:, i, 0].max(initial=0)) for i, name in enumerate(log.names) if name not in declared}
    file, line = next(iter(yours(site) or site.frames), ("?", 0))
    return AuditRow(
        site.name, file, line, len(log.stats), errors if log.stats else {}, log.saved, status, reason,
        path=next(filter(None, parameters.values()), ""),
        number=(site.ordinal + 1) * numbered,
        stack=tuple(f"{file}:{line}" for file, line in site.frames),
    )  # fmt: skip


def _verdict(log: Log, stats: np.ndarray, declared: list[str], parameters: dict[str, str]) -> tuple[str, str]:
    """A site's status and the reasons for it.

    Args:
      log: what is known of the site.
      stats: ``[calls, arguments + 2, 3]``, the judgements of every call.
      declared: the arguments for which the rule's backward pass returns None.
      parameters: the arguments that the program's first one acts through, and which of its leaves, if any, each is.
    """
    confirmed, unseen = stats[:, -1, 0] > 0, (stats[:, -1, 1] > 0) & stats[:, :-1, 1].any(1)
    counted = np.where((confirmed | unseen)[:, None], 0, stats[:, :, 1]).sum(0)
    named = dict(zip((*log.names, "its value"), counted, strict=False))
    silenced = [name for name in declared if name in parameters and named[name]]
    reasons = [f"{n:,.0f} wrong elements in {name}" for name, n in named.items() if n and name not in declared]
    reasons += [f"None for {_described(name, parameters[name])}" for name in silenced]
    status = "fail" if reasons else "pass"
    if not reasons and (log.settled or not stats[:, : len(log.names) or 1, 2].any()):
        nothing = "there is nothing finite to compare with" if log.stats else "no cotangent reaches it"
        status, reason = log.settled or ("inconclusive", nothing)
        reasons = [reason]
    if status == "pass" and unseen.any():
        status, reasons = "inconclusive", ["autodiff says zero, and the values are too coarse to tell"]
    reasons += ["finite differences confirm it against autodiff"] if confirmed.any() else []
    reasons += [f"None for {name}" for name in declared if name not in silenced]
    return status, "; ".join(reasons)


def _described(name: str, parameter: str) -> str:
    return f"the parameter {parameter}" if parameter else f"{name}, which silences what comes before it"
