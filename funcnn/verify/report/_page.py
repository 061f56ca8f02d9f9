"""Reports as HTML: one in a notebook, or many as a page that stands by itself."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._report import Finding, Report

SIGNS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "not run": "–"}
_COLUMNS = ("status", "stage", "what", "where", "got", "expected", "inputs", "guess")
_HEAT = (-12, -9, -6, -4, -2, -1, 0)  # powers of ten between the colours of a heat map


class _Html(str):
    """Text that is HTML already; any other is escaped."""


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


def fragment(report: "Report") -> str:
    """One report, for a notebook."""
    return _STYLE + _e("div", _e("p", _e("b", report.name), " ", _badge(report.status), _seconds(report)),
                       *_details(report), class_="funcnn-verify")  # fmt: skip


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


def _details(report):
    """Findings with their heat maps, what was not exercised, and how to run it again."""
    if report.findings:
        rows = [_e("tr", *(_e("td", cell) for cell in _finding_cells(f)), class_=f.status) for f in report.findings]
        head = _e("tr", *(_e("th", name, scope="col") for name in _COLUMNS))
        yield _e("div", _e("table", _e("thead", head), _e("tbody", *rows), class_="findings"),
                 class_="scroll", tabindex="0")  # fmt: skip
    yield from (_heat_map(finding) for finding in report.findings if finding.errors)
    if report.example:
        yield _e("p", "Example arguments: ", report.example)
    if report.passed:
        yield _e("p", "Passed: ", ", ".join(report.passed))
    if report.skipped:
        items = [_e("li", f"{stage}: {reason}") for stage, reason in report.skipped]
        yield _e("div", "Not exercised:", _e("ul", *items))
    if not report.ok:
        yield _e("p", "Again: ", _e("code", report.replay))


def _finding_cells(finding: "Finding"):
    where = f"{finding.argument}{list(finding.index) if finding.index else ''}"
    got, expected = ("" if v is None else f"{v:.6g}" for v in (finding.got, finding.expected))
    status = _badge(finding.status)
    return status, finding.stage, finding.message, where, got, expected, finding.inputs, finding.guess


def _heat_map(finding: "Finding"):
    """The relative errors of a cotangent's elements, each as its power of ten on a colour."""
    rows = []
    for i, row in enumerate(finding.errors):
        cells = [_e("td", _power(e), class_=f"heat{_heat(e)}", title=f"[{i}, {j}]: {e:.1e}") for j, e in enumerate(row)]
        rows.append(_e("tr", *cells))
    spans = [f"{low} to {high - 1}" if low < high - 1 else f"{low}" for low, high in pairwise(_HEAT)]
    steps = [f"below {_HEAT[0]}", *spans, f"{_HEAT[-1]} and above"]
    legend = [_e("span", step.replace("-", "−"), class_=f"heat{i}") for i, step in enumerate(steps)]
    caption = (f"{finding.stage}: relative errors in the cotangent of {finding.argument or 'the argument'}, as powers of "
               "ten; a dot where there is none")  # fmt: skip
    map_ = _e("div", _e("table", *rows, class_="heat"), class_="scroll", tabindex="0")
    return _e("figure", _e("figcaption", caption), map_, _e("p", *legend, class_="heat-legend"))


def _power(error):
    if not error:
        return "·"
    if not math.isfinite(error):
        return f"{error}"
    return f"{math.floor(math.log10(abs(error)))}".replace("-", "−")


def _heat(error):
    if not math.isfinite(error):
        return len(_HEAT)
    return sum(abs(error) >= 10.0**power for power in _HEAT)


def _badge(status):
    sign = SIGNS.get(status)
    return _e("span", f"{sign} {status}" if sign else status, class_=f"badge {status}")


def _seconds(report):
    return _e("small", f" {report.seconds:.1f} s")


def _e(name: str, *children: str, **attributes: str) -> _Html:
    """An element; its text and attributes are escaped."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    inside = "".join(child if isinstance(child, _Html) else escape(child) for child in children)
    return _Html(f"<{name}{given}>{inside}</{name}>")


_STYLE = """<style>
.funcnn-verify { --ink: #1b1f24; --soft: #57606a; --paper: #fff; --line: #d0d7de; --wash: #f6f8fa;
  --pass: #11632c; --pass-wash: #dcf5e3; --fail: #a40e26; --fail-wash: #ffe1e1; --unsure: #7a4b00;
  --unsure-wash: #fff0c9; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  color-scheme: light dark; }
@media (prefers-color-scheme: dark) { .funcnn-verify { --ink: #e6edf3; --soft: #9aa4af; --paper: #0d1117;
  --line: #30363d; --wash: #161b22; --pass: #7ee2a0; --pass-wash: #10301c; --fail: #ff9c9c; --fail-wash: #45151b;
  --unsure: #f2cc60; --unsure-wash: #3a2c06; } }
body:has(> main.funcnn-verify) { margin: 0; }
div.funcnn-verify { padding: .3rem .6rem; }
main.funcnn-verify { min-height: 100vh; box-sizing: border-box;
  padding: 1.5rem max(1rem, calc(50vw - 36rem)); }
.funcnn-verify h1 { font-size: 1.4rem; margin: 0; }
.funcnn-verify .counts { font-size: 1.1rem; margin: .2rem 0 1rem; }
.funcnn-verify :is(.legend, footer, small, figcaption) { color: var(--soft); font-size: .85rem; }
.funcnn-verify .scroll { overflow-x: auto; }
.funcnn-verify table { border-collapse: collapse; font-size: .875rem; background: none; }
.funcnn-verify :is(th, td) { border: 1px solid var(--line); padding: .3rem .55rem; text-align: left;
  vertical-align: top; background: var(--paper); color: var(--ink); }
.funcnn-verify thead th { background: var(--wash); }
.funcnn-verify .stages thead th { font-weight: normal; line-height: 1.25; vertical-align: bottom; }
.funcnn-verify .stages thead th :is(b, span) { display: block; }
.funcnn-verify .stages thead span { color: var(--soft); font-size: .75rem; }
.funcnn-verify .stages th:first-child { position: sticky; left: 0; white-space: nowrap; font-weight: normal; }
.funcnn-verify .stages td { text-align: center; font-weight: bold; }
.funcnn-verify .stages td.number { text-align: right; font-weight: normal; font-variant-numeric: tabular-nums; }
.funcnn-verify :is(td.pass, .badge.pass) { background: var(--pass-wash); color: var(--pass); }
.funcnn-verify :is(td.fail, .badge.fail) { background: var(--fail-wash); color: var(--fail); }
.funcnn-verify :is(td.inconclusive, .badge.inconclusive) { background: var(--unsure-wash); color: var(--unsure); }
.funcnn-verify td.not-run { color: var(--soft); font-weight: normal; }
.funcnn-verify .badge { border-radius: 1rem; padding: .05rem .5rem; font-size: .8rem; white-space: nowrap; }
.funcnn-verify details { border: 1px solid var(--line); border-radius: .4rem; margin: .6rem 0; padding: .5rem .8rem; }
.funcnn-verify summary { cursor: pointer; }
.funcnn-verify details[open] summary { margin-bottom: .6rem; }
.funcnn-verify :is(p, ul, figure) { margin: .6rem 0; }
.funcnn-verify code { overflow-wrap: anywhere; background: var(--wash); padding: .1rem .3rem; border-radius: .2rem; }
.funcnn-verify a { color: inherit; }
.funcnn-verify .heat td { border: 0; padding: 0; width: 1.9rem; min-width: 1.9rem; height: 1.9rem; text-align: center;
  vertical-align: middle; font-size: .7rem; }
.funcnn-verify .heat-legend span { display: inline-block; padding: .1rem .4rem; font-size: .7rem; }
.funcnn-verify :is(td, span).heat0 { background: #f3f6fb; color: #1b1f24; }
.funcnn-verify :is(td, span).heat1 { background: #fdebd3; color: #1b1f24; }
.funcnn-verify :is(td, span).heat2 { background: #fdd0a2; color: #1b1f24; }
.funcnn-verify :is(td, span).heat3 { background: #fdae6b; color: #1b1f24; }
.funcnn-verify :is(td, span).heat4 { background: #f4874b; color: #1b1f24; }
.funcnn-verify :is(td, span).heat5 { background: #cf4a26; color: #fff; }
.funcnn-verify :is(td, span).heat6 { background: #a8281b; color: #fff; }
.funcnn-verify :is(td, span).heat7 { background: #6b0d12; color: #fff; }
@media (prefers-color-scheme: dark) {
.funcnn-verify :is(td, span).heat0 { background: #1a2029; color: #e6edf3; }
.funcnn-verify :is(td, span).heat1 { background: #35221b; color: #e6edf3; }
.funcnn-verify :is(td, span).heat2 { background: #53281b; color: #fff; }
.funcnn-verify :is(td, span).heat3 { background: #78301a; color: #fff; }
.funcnn-verify :is(td, span).heat4 { background: #a03d1c; color: #fff; }
.funcnn-verify :is(td, span).heat5 { background: #f07a3c; color: #14100e; }
.funcnn-verify :is(td, span).heat6 { background: #ffab73; color: #14100e; }
.funcnn-verify :is(td, span).heat7 { background: #ffe0c7; color: #14100e; } }
@media (max-width: 45rem) {
.funcnn-verify .stages th:first-child { white-space: normal; overflow-wrap: anywhere; max-width: 9rem; }
.funcnn-verify .findings thead { display: none; }
.funcnn-verify table.findings, .funcnn-verify .findings :is(tbody, tr, td) { display: block; border: 0; padding: .05rem 0; }
.funcnn-verify .findings tr { border-bottom: 1px solid var(--line); padding: .4rem 0; }
.funcnn-verify .findings td:empty { display: none; }
.funcnn-verify .findings td::before { color: var(--soft); }
.funcnn-verify .findings td:nth-child(2)::before { content: "stage: "; }
.funcnn-verify .findings td:nth-child(4)::before { content: "where: "; }
.funcnn-verify .findings td:nth-child(5)::before { content: "got: "; }
.funcnn-verify .findings td:nth-child(6)::before { content: "expected: "; }
.funcnn-verify .findings td:nth-child(7)::before { content: "inputs: "; }
.funcnn-verify .findings td:nth-child(8)::before { content: "guess: "; } }
</style>
"""
