"""A report says at how many points each stage compared something, and prints no two equal numbers as a difference."""

import json
import pickle

import pytest

from funcnn.verify.report._report import Finding, Report, told_apart

PASSED = Report(
    "right", (), ("S0 contract", "S2 Jacobian"), (), 1.0, "again", compared=(("S0 contract", 1), ("S2 Jacobian", 36))
)


@pytest.mark.parametrize(
    ("got", "expected", "texts"),
    [
        (0.5, 1.0, ("0.5", "1")),
        (0.381165, 0.3811651, ("0.381165", "0.3811651")),
        (1.0, 1.0 + 2.0**-52, ("1", "1.0000000000000002")),
        (0.3, 0.3, ("", "")),
        (float("nan"), 0.25, ("nan", "0.25")),
        (float("nan"), float("nan"), ("nan", "nan")),
        (float("inf"), float("inf"), ("", "")),
        (None, 1.0, ("", "")),
        (2.0, None, ("", "")),
    ],
)
def test_two_numbers_are_printed_in_the_digits_that_tell_them_apart(got, expected, texts):
    assert told_apart(got, expected) == texts


def test_text_and_page_print_the_digits_that_tell_two_numbers_apart():
    near = Finding("S2", "fail", "autodiff disagrees, in the cotangent of", "x", (0,), 0.38116501, 0.38116502)
    report = Report("near", (near,), (), (), 1.0, "again")
    for text in (str(report), report._repr_html_()):
        assert "0.38116501" in text
        assert "0.38116502" in text
    same = str(Finding("S2", "fail", "autodiff disagrees, in the cotangent of", "x", (0,), 0.5, 0.5))
    assert "got" not in same


def test_a_stage_is_told_with_its_points():
    assert "S0 contract (1 point), S2 Jacobian (36 points)" in str(PASSED)
    assert "S2 Jacobian (36 points)" in PASSED._repr_html_()
    assert json.loads(PASSED.to_json())["compared"] == {"S0 contract": 1, "S2 Jacobian": 36}
    assert pickle.loads(pickle.dumps(PASSED)) == PASSED


def test_what_was_not_run_for_one_reason_is_told_in_one_line():
    skipped = ("S9 shapes", "not at level fast"), ("a branch", "its value"), ("S10 scale", "not at level fast")
    report = Report("quick", (), (), skipped, 1.0, "again")
    told = ["S9 shapes, S10 scale: not at level fast", "a branch: its value"]
    assert [line for line in str(report).splitlines() if "not run" in line] == [
        f"  not run      {line}" for line in told
    ]
    assert "".join(f"<li>{line}</li>" for line in told) in report._repr_html_()
