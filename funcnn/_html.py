"""Elements of HTML, tables, heat maps of errors, and the style that every page shares."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise

SIGNS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "not run": "–"}
_HEAT = (-12, -9, -6, -4, -2, -1, 0)  # powers of ten between the colours of a heat map


class Html(str):
    """HTML, which an element takes as it is; it escapes any other text."""


def element(name: str, *children: str, **attributes: str) -> Html:
    """An element; its text and attributes are escaped."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    inside = "".join(child if isinstance(child, Html) else escape(child) for child in children)
    return Html(f"<{name}{given}>{inside}</{name}>")


def table_row(cells: Iterable[str], **attributes: str) -> Html:
    """A row of a table; text becomes a cell, and an element that is not a cell the content of one."""
    made = (cell if _is_cell(cell) else element("td", cell) for cell in cells)
    return element("tr", *made, **attributes)


def table(heads: Iterable[str], rows: Iterable[Html], class_: str) -> Html:
    """A table that scrolls where it is too wide."""
    head = element("tr", *(head if _is_cell(head) else element("th", head, scope="col") for head in heads))
    return _scrolling(element("table", element("thead", head), element("tbody", *rows), class_=class_))


def badge(status: str) -> Html:
    """A status with its sign, in its colour."""
    sign = SIGNS.get(status)
    return element("span", f"{sign} {status}" if sign else status, class_=f"badge {status}")


def heat_map(errors: Sequence[Sequence[float]], caption: str) -> Html:
    """Relative errors, each as its power of ten on a colour."""
    rows = []
    for i, line in enumerate(errors):
        titles = [f"[{i}, {j}]: {error:.1e}" for j, error in enumerate(line)]
        cells = [element("td", _power(e), class_=f"heat{_heat(e)}", title=t) for e, t in zip(line, titles, strict=True)]
        rows.append(element("tr", *cells))
    spans = [f"{low} to {high - 1}" if low < high - 1 else f"{low}" for low, high in pairwise(_HEAT)]
    steps = [f"below {_HEAT[0]}", *spans, f"{_HEAT[-1]} and above"]
    legend = [element("span", step.replace("-", "−"), class_=f"heat{i}") for i, step in enumerate(steps)]
    map_ = _scrolling(element("table", *rows, class_="heat"))
    return element("figure", element("figcaption", caption), map_, element("p", *legend, class_="heat-legend"))


def notebook(*children: str) -> str:
    """What a notebook shows."""
    return STYLE + element("div", *children, class_="funcnn")


def _is_cell(text: str) -> bool:
    return isinstance(text, Html) and text.startswith(("<td", "<th"))


def _scrolling(child: Html) -> Html:
    return element("div", child, class_="scroll", tabindex="0")


def _power(error: float) -> str:
    if not error:
        return "·"
    if not math.isfinite(error):
        return f"{error}"
    return f"{math.floor(math.log10(abs(error)))}".replace("-", "−")


def _heat(error: float) -> int:
    """The number of an error's colour."""
    if not math.isfinite(error):
        return len(_HEAT)
    return sum(abs(error) >= 10.0**power for power in _HEAT)


STYLE = """<style>
.funcnn { --ink: #1b1f24; --soft: #57606a; --paper: #fff; --line: #d0d7de; --wash: #f6f8fa;
  --pass: #11632c; --pass-wash: #dcf5e3; --fail: #a40e26; --fail-wash: #ffe1e1; --unsure: #7a4b00;
  --unsure-wash: #fff0c9; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  color-scheme: light dark; }
@media (prefers-color-scheme: dark) { .funcnn { --ink: #e6edf3; --soft: #9aa4af; --paper: #0d1117;
  --line: #30363d; --wash: #161b22; --pass: #7ee2a0; --pass-wash: #10301c; --fail: #ff9c9c; --fail-wash: #45151b;
  --unsure: #f2cc60; --unsure-wash: #3a2c06; } }
body:has(> main.funcnn) { margin: 0; }
div.funcnn { padding: .3rem .6rem; }
main.funcnn { min-height: 100vh; box-sizing: border-box;
  padding: 1.5rem max(1rem, calc(50vw - 36rem)); }
.funcnn h1 { font-size: 1.4rem; margin: 0; }
.funcnn .counts { font-size: 1.1rem; margin: .2rem 0 1rem; }
.funcnn :is(.legend, footer, small, figcaption) { color: var(--soft); font-size: .85rem; }
.funcnn .scroll { overflow-x: auto; }
.funcnn table { border-collapse: collapse; font-size: .875rem; background: none; }
.funcnn :is(th, td) { border: 1px solid var(--line); padding: .3rem .55rem; text-align: left;
  vertical-align: top; background: var(--paper); color: var(--ink); }
.funcnn thead th { background: var(--wash); }
.funcnn .stages thead th { font-weight: normal; line-height: 1.25; vertical-align: bottom; }
.funcnn .stages thead th :is(b, span) { display: block; }
.funcnn .stages thead span { color: var(--soft); font-size: .75rem; }
.funcnn .stages th:first-child { position: sticky; left: 0; white-space: nowrap; font-weight: normal; }
.funcnn .stages td { text-align: center; font-weight: bold; }
.funcnn :is(th, td).number { text-align: right; font-variant-numeric: tabular-nums; }
.funcnn .stages td.number { font-weight: normal; }
.funcnn .layers td { white-space: pre; }
.funcnn :is(td.pass, .badge.pass) { background: var(--pass-wash); color: var(--pass); }
.funcnn :is(td.fail, .badge.fail) { background: var(--fail-wash); color: var(--fail); }
.funcnn :is(td.inconclusive, .badge.inconclusive) { background: var(--unsure-wash); color: var(--unsure); }
.funcnn td.not-run { color: var(--soft); font-weight: normal; }
.funcnn .badge { border-radius: 1rem; padding: .05rem .5rem; font-size: .8rem; white-space: nowrap; }
.funcnn details { border: 1px solid var(--line); border-radius: .4rem; margin: .6rem 0; padding: .5rem .8rem; }
.funcnn summary { cursor: pointer; }
.funcnn details[open] summary { margin-bottom: .6rem; }
.funcnn :is(p, ul, figure) { margin: .6rem 0; }
.funcnn code { overflow-wrap: anywhere; background: var(--wash); padding: .1rem .3rem; border-radius: .2rem; }
.funcnn a { color: inherit; }
.funcnn .heat td { border: 0; padding: 0; width: 1.9rem; min-width: 1.9rem; height: 1.9rem; text-align: center;
  vertical-align: middle; font-size: .7rem; }
.funcnn .heat-legend span { display: inline-block; padding: .1rem .4rem; font-size: .7rem; }
.funcnn :is(td, span).heat0 { background: #f3f6fb; color: #1b1f24; }
.funcnn :is(td, span).heat1 { background: #fdebd3; color: #1b1f24; }
.funcnn :is(td, span).heat2 { background: #fdd0a2; color: #1b1f24; }
.funcnn :is(td, span).heat3 { background: #fdae6b; color: #1b1f24; }
.funcnn :is(td, span).heat4 { background: #f4874b; color: #1b1f24; }
.funcnn :is(td, span).heat5 { background: #cf4a26; color: #fff; }
.funcnn :is(td, span).heat6 { background: #a8281b; color: #fff; }
.funcnn :is(td, span).heat7 { background: #6b0d12; color: #fff; }
@media (prefers-color-scheme: dark) {
.funcnn :is(td, span).heat0 { background: #1a2029; color: #e6edf3; }
.funcnn :is(td, span).heat1 { background: #35221b; color: #e6edf3; }
.funcnn :is(td, span).heat2 { background: #53281b; color: #fff; }
.funcnn :is(td, span).heat3 { background: #78301a; color: #fff; }
.funcnn :is(td, span).heat4 { background: #a03d1c; color: #fff; }
.funcnn :is(td, span).heat5 { background: #f07a3c; color: #14100e; }
.funcnn :is(td, span).heat6 { background: #ffab73; color: #14100e; }
.funcnn :is(td, span).heat7 { background: #ffe0c7; color: #14100e; } }
@media (max-width: 45rem) {
.funcnn .stages th:first-child { white-space: normal; overflow-wrap: anywhere; max-width: 9rem; }
.funcnn .findings thead { display: none; }
.funcnn table.findings, .funcnn .findings :is(tbody, tr, td) { display: block; border: 0; padding: .05rem 0; }
.funcnn .findings tr { border-bottom: 1px solid var(--line); padding: .4rem 0; }
.funcnn .findings td:empty { display: none; }
.funcnn .findings td::before { color: var(--soft); }
.funcnn .findings td:nth-child(2)::before { content: "stage: "; }
.funcnn .findings td:nth-child(4)::before { content: "where: "; }
.funcnn .findings td:nth-child(5)::before { content: "got: "; }
.funcnn .findings td:nth-child(6)::before { content: "expected: "; }
.funcnn .findings td:nth-child(7)::before { content: "inputs: "; }
.funcnn .findings td:nth-child(8)::before { content: "guess: "; } }
</style>
"""
