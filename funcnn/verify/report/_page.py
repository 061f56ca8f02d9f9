"""Reports as HTML: one in a notebook, or many as a page that stands by itself."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._html import _STYLE, SIGNS, _badge, _e, _Html
from ._report import _details, _seconds

if TYPE_CHECKING:
    from ._report import Report


def page(reports: Sequence["Report"], stages: Sequence[str], versions: dict[str, str]) -> str:
    """A whole page: counts, a table with a row a rule and a column a stage, then each rule by itself.

    Args:
      reports: in the order of the rows.
      stages: the names of all stages, ``"S0 contract"``, …: the columns.
      versions: what the checks ran on: ``{"JAX": "0.10.2"}``.

    Returns:
      HTML that loads nothing from elsewhere.
    """
    title = f"{counts(reports)} - funcnn.verify"
    sections = [_section(i, report) for i, report in enumerate(reports)]
    body = _e("main", _e("h1", "funcnn.verify"), _e("p", counts(reports), class_="counts"), _overview(reports, stages),
              *sections, _e("footer", " · ".join(f"{name} {version}" for name, version in versions.items())),
              class_="funcnn-verify")  # fmt: skip
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    return f'<!doctype html>\n<html lang="en"><head>{head}{_e("title", title)}{_STYLE}</head>\n<body>{body}</body></html>\n'


def counts(reports: Sequence["Report"]) -> str:
    """How many rules passed, failed, or are neither, in a line that names those that did not pass."""
    names = {status: [r.name for r in reports if r.status == status] for status in ("fail", "inconclusive")}
    passed = len(reports) - sum(map(len, names.values()))
    words = {"fail": "failed", "inconclusive": "inconclusive"}
    parts = [f"{len(found)} {words[status]} ({', '.join(found)})" for status, found in names.items() if found]
    total = f"{len(reports)} rule{'' if len(reports) == 1 else 's'}"
    return f"{total}: {', '.join([*parts, f'{passed} passed'] if passed or not parts else parts)}"


def _overview(reports, stages):
    head = _e("tr", _e("th", "rule", scope="col"), *(_stage_head(stage) for stage in stages),
              _e("th", "seconds", scope="col"))  # fmt: skip
    rows = [_row(i, report, stages) for i, report in enumerate(reports)]
    met = Counter(_cell(report, stage)[0] for report in reports for stage in stages)
    legend = ", ".join(f"{sign} {status}" for status, sign in SIGNS.items() if met[status])
    table = _e("table", _e("thead", head), _e("tbody", *rows), class_="stages")
    return _Html(_e("div", table, class_="scroll", tabindex="0") + _e("p", legend, class_="legend"))


def _stage_head(stage):
    codes, names = re.findall(r"\bS\d+", stage), re.sub(r"\bS\d+ ", "", stage)
    return _e("th", _e("b", " ".join(codes)), " ", _e("span", names), scope="col")


def _row(i, report, stages):
    cells = []
    for stage in stages:
        status, why = _cell(report, stage)
        sign = _e("span", SIGNS[status], role="img", aria_label=status)
        cells.append(_e("td", sign, class_=status.replace(" ", "-"), title=f"{stage}: {why or status}"))
    name = _e("th", _e("a", report.name, href=f"#rule-{i}"), " ", _badge(report.status), scope="row")
    return _e("tr", name, *cells, _e("td", f"{report.seconds:.1f}", class_="number"))


def _cell(report, stage) -> tuple[str, str]:
    """The status of a stage, and what there is to say of it."""
    codes = set(re.findall(r"\bS\d+", stage))
    found = [finding for finding in report.findings if finding.stage in codes]
    for status in ("fail", "inconclusive"):
        worst = [finding for finding in found if finding.status == status]
        if worst:
            return status, "\n".join(map(str, worst))
    if stage in report.passed:
        return "pass", "\n".join(map(str, found))
    return "not run", dict(report.skipped).get(stage, "")


def _section(i, report):
    summary = _e("summary", _e("b", report.name), " ", _badge(report.status), _seconds(report))
    opened = {"open": ""} if report.status == "fail" else {}
    return _e("details", summary, *_details(report), id=f"rule-{i}", **opened)
