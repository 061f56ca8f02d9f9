"""Many reports as an HTML page that stands by itself."""

import re
from collections import Counter
from collections.abc import Sequence

from ..._html import SIGNS, STYLE, Html, badge, element, table, table_row
from ._report import Report, details, points, seconds


def page(reports: Sequence[Report], stages: Sequence[str], versions: dict[str, str]) -> str:
    """A whole page: counts, a table with a row a rule and a column a stage, then each rule by itself.

    Args:
      reports: in the order of the rows.
      stages: the names of all stages, ``"S0 contract"``, …: the columns.
      versions: what the checks ran on: ``{"JAX": "0.10.2"}``.

    Returns:
      HTML that loads nothing from elsewhere.
    """
    title = f"{counts(reports)} - funcnn.verify"
    parts = [
        element("h1", "funcnn.verify"),
        element("p", counts(reports), class_="counts"),
        *_overview(reports, stages),
        *(_section(i, report) for i, report in enumerate(reports)),
        element("footer", " · ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += element("title", title) + STYLE
    body = element("main", *parts, class_="funcnn")
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


def counts(reports: Sequence[Report]) -> str:
    """How many rules passed, failed, or are neither, in a line that names those that did not pass."""
    names = {status: [r.name for r in reports if r.status == status] for status in ("fail", "inconclusive")}
    passed = len(reports) - sum(map(len, names.values()))
    words = {"fail": "failed", "inconclusive": "inconclusive"}
    parts = [f"{len(found)} {words[status]} ({', '.join(found)})" for status, found in names.items() if found]
    total = f"{len(reports)} rule{'' if len(reports) == 1 else 's'}"
    return f"{total}: {', '.join([*parts, f'{passed} passed'] if passed or not parts else parts)}"


def _overview(reports: Sequence[Report], stages: Sequence[str]) -> list[Html]:
    """The table of all rules, and what its signs mean."""
    rows = [_row(i, report, stages) for i, report in enumerate(reports)]
    met = Counter(_cell(report, stage)[0] for report in reports for stage in stages)
    legend = ", ".join(f"{sign} {status}" for status, sign in SIGNS.items() if met[status])
    return [table(["rule", *map(_head, stages), "seconds"], rows, "stages"), element("p", legend, class_="legend")]


def _head(stage: str) -> Html:
    codes, names = re.findall(r"\bS\d+", stage), re.sub(r"\bS\d+ ", "", stage)
    return element("th", element("b", " ".join(codes)), " ", element("span", names), scope="col")


def _row(i: int, report: Report, stages: Sequence[str]) -> Html:
    cells = [element("th", element("a", report.name, href=f"#rule-{i}"), " ", badge(report.status), scope="row")]
    for stage in stages:
        status, why = _cell(report, stage)
        sign = element("span", SIGNS[status], role="img", aria_label=status)
        cells.append(element("td", sign, class_=status.replace(" ", "-"), title=f"{stage}: {why or status}"))
    return table_row([*cells, element("td", f"{report.seconds:.1f}", class_="number")])


def _cell(report: Report, stage: str) -> tuple[str, str]:
    """The status of a stage, and what there is to say of it."""
    codes = set(re.findall(r"\bS\d+", stage))
    found = [finding for finding in report.findings if finding.stage in codes]
    for status in ("fail", "inconclusive"):
        worst = [finding for finding in found if finding.status == status]
        if worst:
            return status, "\n".join(map(str, worst))
    if stage in report.passed:
        return "pass", "\n".join([f"pass{points(report, stage)}", *map(str, found)])
    return "not run", dict(report.skipped).get(stage, "")


def _section(i: int, report: Report) -> Html:
    summary = element("summary", element("b", report.name), " ", badge(report.status), seconds(report))
    opened = {"open": ""} if report.status == "fail" else {}
    return element("details", summary, *details(report), id=f"rule-{i}", **opened)
