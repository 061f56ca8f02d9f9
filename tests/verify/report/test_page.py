"""The page says of each rule and stage what its report says, escapes what it is given, and loads nothing."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from funcnn._html import element, table, table_row
from funcnn.verify.report._page import counts, page
from funcnn.verify.report._report import Finding, Report
from funcnn.verify.stages._table import STAGES as TABLE

STAGES = [stage.title for stage in TABLE]
EVIL = "<script>alert('x')</script>&<lambda>\" onclick=\"alert(1)"
WRONG = Finding("S2", "fail", "autodiff disagrees, in the cotangent of", "w", (1, 2), 0.5, 1.0, "normal", "a factor of 0.5",
                errors=((0.0, 3e-16, 0.5), (float("nan"), float("inf"), 2e-7)))  # fmt: skip
REPORTS = [
    Report("right", (), ("S0 contract", "S2 Jacobian"), (("S9 shapes", "not at level fast"),), 1.0, "again",
           example="guessed"),
    Report("wrong", (WRONG,), ("S0 contract",), (("S9 shapes", "not at level fast"),), 2.0, "run wrong again"),
    Report("late", (Finding("S0", "inconclusive", "the time budget was spent"),), (), (), 3.0, "run late again"),
    Report("a note", (Finding("S2", "note", "a kink"),), ("S2 Jacobian",), (), 4.0, "again"),
    Report(EVIL, (Finding("S5", "fail", EVIL, EVIL, (), 0.0, float("nan"), EVIL, EVIL),), (EVIL,), ((EVIL, EVIL),), 5.0,
           EVIL, example=EVIL),
]  # fmt: skip
VOID = {"meta", "br", "img", "link"}


@dataclass
class Seen(HTMLParser):
    """The elements of a page: ``(name, attributes, text)``; it raises where they do not nest."""

    elements: list = field(default_factory=list)
    opened: list = field(default_factory=list)

    def __post_init__(self):
        super().__init__()

    def handle_starttag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])
        if tag not in VOID:
            self.opened.append(self.elements[-1])

    def handle_data(self, data):
        for opened in self.opened:
            opened[2] += data

    def handle_endtag(self, tag):
        assert self.opened.pop()[0] == tag

    def find(self, tag, **attrs):
        return [e for e in self.elements if e[0] == tag and all(e[1].get(k) == v for k, v in attrs.items())]


def seen(html):
    parser = Seen()
    parser.feed(html)
    parser.close()
    assert not parser.opened
    return parser


@pytest.fixture(scope="module")
def whole():
    return page(REPORTS, STAGES, {"Python": "3.11.7", "JAX": "0.10.2", "backend": "cpu"})


def test_the_page_has_a_row_a_rule_and_a_column_a_stage(whole):
    table = seen(whole)
    rows = table.find("th", scope="row")
    assert [text.split(" ")[0] for _, _, text in rows] == ["right", "wrong", "late", "a", EVIL.split(" ")[0]]
    heads = [text for _, _, text in table.find("th", scope="col")]
    assert heads[: len(STAGES) + 2] == ["rule", *(s if s.count("S") == 1 else heads[4] for s in STAGES), "seconds"]
    assert heads[4] == "S3 S5 inputs, kinks"


@pytest.mark.parametrize(
    ("rule", "stage", "status", "told"),
    [
        ("right", "S0 contract", "pass", "S0 contract: pass"),
        ("right", "S9 shapes", "not-run", "S9 shapes: not at level fast"),
        ("wrong", "S2 Jacobian", "fail", "a factor of 0.5"),
        ("late", "S0 contract", "inconclusive", "the time budget was spent"),
        ("late", "S2 Jacobian", "not-run", "S2 Jacobian: not run"),
        ("a note", "S2 Jacobian", "pass", "a kink"),
        (EVIL, "S3 inputs, S5 kinks", "fail", EVIL),
    ],
)
def test_a_cell_says_what_its_report_says(rule, stage, status, told):
    html = page([report for report in REPORTS if report.name == rule], STAGES, {})
    (cell,) = [e for e in seen(html).find("td", **{"class": status}) if e[1].get("title", "").startswith(stage)]
    assert told in cell[1]["title"]
    assert cell[2] == {"pass": "✓", "fail": "✗", "inconclusive": "?", "not-run": "–"}[status]


def test_each_rule_has_a_section_and_a_failing_one_is_open(whole):
    sections = seen(whole).find("details")
    assert [attributes["id"] for _, attributes, _ in sections] == [f"rule-{i}" for i in range(len(REPORTS))]
    assert ["open" in attributes for _, attributes, _ in sections] == [r.status == "fail" for r in REPORTS]
    wrong = sections[1][2]
    for text in ("w[1, 2]", "0.5", "normal", "a factor of 0.5", "run wrong again", "S9 shapes: not at level fast"):
        assert text in wrong
    assert "Example arguments: guessed" in sections[0][2]


def test_a_heat_map_shows_each_error_as_its_power_of_ten(whole):
    cells = [e for e in seen(whole).find("td") if (e[1].get("class") or "").startswith("heat")]
    assert [(e[1]["class"], e[2]) for e in cells] == [
        ("heat0", "·"), ("heat0", "−16"), ("heat6", "−1"), ("heat7", "nan"), ("heat7", "inf"), ("heat2", "−7"),
    ]  # fmt: skip
    assert cells[2][1]["title"] == "[0, 2]: 5.0e-01"
    assert len(seen(whole).find("figure")) == 1


def test_everything_is_escaped_and_nothing_is_loaded(whole):
    parsed = seen(whole)
    for tag in ("script", "link", "img", "iframe", "lambda"):
        assert not parsed.find(tag), tag
    assert not any(set(attributes) & {"src", "onload", "onclick"} for _, attributes, _ in parsed.elements)
    assert all(attributes["href"].startswith("#") for _, attributes, _ in parsed.find("a"))
    assert "url(" not in whole
    assert "@import" not in whole


def test_the_page_says_on_what_it_ran(whole):
    assert seen(whole).find("footer")[0][2] == "Python 3.11.7 · JAX 0.10.2 · backend cpu"
    assert "5 rules: 2 failed (wrong, " in seen(whole).find("title")[0][2]


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        ([], "0 rules: 0 passed"),
        ([0], "1 rule: 1 passed"),
        ([1], "1 rule: 1 failed (wrong)"),
        ([0, 1, 2], "3 rules: 1 failed (wrong), 1 inconclusive (late), 1 passed"),
    ],
)
def test_the_closing_line_counts(chosen, line):
    assert counts([REPORTS[i] for i in chosen]) == line


def test_a_notebook_shows_a_report_by_the_same_pieces():
    parsed = seen(REPORTS[1]._repr_html_())
    assert "a factor of 0.5" in [text for _, _, text in parsed.find("td")]
    assert len(parsed.find("figure")) == 1
    assert not seen(REPORTS[4]._repr_html_()).find("script")


def test_a_table_keeps_the_cells_that_it_is_given():
    """Text becomes a cell and is escaped; an element within a cell stays as it is, and so does a whole cell."""
    cells = seen(table(["a"], [table_row(["<", element("b", "bold"), element("td", "own", class_="x")])], "any")).find(
        "td"
    )
    assert [(attributes, text) for _, attributes, text in cells] == [({}, "<"), ({}, "bold"), ({"class": "x"}, "own")]


def test_json_carries_the_errors_and_the_origin_of_the_example():
    data = json.loads(REPORTS[1].to_json())
    assert data["findings"][0]["errors"][1] == ["nan", "inf", 2e-7]
    assert json.loads(REPORTS[0].to_json())["example"] == "guessed"
    assert "example      guessed" in str(REPORTS[0])
