"""A slow test loses no case for good, and a run says which of them it leaves out."""

import re

import pytest

from tests.helpers import rotation
from tests.helpers.rotation import PARTS, drawn_part, kept, part

pytestmark = pytest.mark.slow

MARKED = """
    import pytest

    @pytest.mark.slow
    @pytest.mark.parametrize("i", range(90))
    def test_slow(i):
        pass

    def test_light():
        pass
"""
CASES = [f"tests/test_marked.py::test_heavy[{i}]" for i in range(1200)]
ALL = 90 + 1


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs pytest on MARKED, with these options and the part drawn, and returns its outcomes and its whole output."""
    pytester.makeini("[pytest]\nmarkers =\n    slow: seconds\n")
    pytester.makepyfile(test_marked=MARKED)

    def run(*options, drawn="0"):
        monkeypatch.setenv("FUNCNN_ROTATION", drawn)
        result = pytester.runpytest("-p", "tests.helpers.rotation", *options)
        return result.parseoutcomes(), result.stdout.str()

    return run


def test_each_case_is_in_one_part():
    for case in CASES:
        assert [kept(case, drawn) for drawn in range(PARTS)].count(True) == 1
    assert all([kept(case, drawn, 4) for drawn in range(PARTS)].count(True) == 4 for case in CASES)
    assert all(1 < sum(kept(case, drawn) for case in CASES) < 30 for drawn in range(PARTS))


def test_the_part_of_a_text_never_changes():
    assert [part(case) for case in CASES[:12]] == [37, 29, 57, 77, 49, 27, 56, 98, 81, 70, 74, 80]


def test_commits_draw_all_parts():
    assert {part(f"{commit:040x}") for commit in range(1000)} == set(range(PARTS))


def test_the_environment_draws_before_the_commit_does(monkeypatch):
    monkeypatch.setenv("FUNCNN_ROTATION", str(PARTS + 2))
    assert drawn_part() == (2, "FUNCNN_ROTATION")
    monkeypatch.delenv("FUNCNN_ROTATION")
    drawn, by = drawn_part()
    assert drawn in range(PARTS)
    assert re.fullmatch("commit [0-9a-f]{12}|version .*", by)


def test_without_a_checkout_the_version_draws(monkeypatch):
    monkeypatch.delenv("FUNCNN_ROTATION", raising=False)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert drawn_part()[1].startswith("version ")


@pytest.mark.parametrize("parts", [1, 4])
def test_as_many_runs_as_parts_keep_every_slow_case_equally_often(run, parts, monkeypatch):
    monkeypatch.setattr(rotation, "PARTS", 5)
    kept_by = [run("--parts", str(parts), drawn=drawn)[0] for drawn in "01234"]
    assert sum(outcomes["passed"] for outcomes in kept_by) == parts * 90 + 5
    assert all(outcomes["passed"] + outcomes["deselected"] == ALL for outcomes in kept_by)
    assert len({outcomes["passed"] for outcomes in kept_by}) > 1


def test_the_header_says_which_part(run):
    assert f"slow tests: 1 of {PARTS} parts, from 1 on, by FUNCNN_ROTATION" in run(drawn="1")[1]


def test_all_keeps_every_case(run):
    outcomes, output = run("--parts", str(PARTS))
    assert outcomes == {"passed": ALL}
    assert "slow tests: all of them" in output


def test_no_part_leaves_out_what_is_slow(run):
    assert run("--parts", "0")[0] == {"passed": 1, "deselected": ALL - 1}


@pytest.mark.parametrize("named", [["test_marked.py::test_slow"], ["-k", "slow"]])
def test_what_is_asked_for_by_name_is_kept(run, named):
    assert run(*named)[0]["passed"] == 90


def test_the_workers_of_xdist_agree(run):
    pytest.importorskip("xdist")
    alone, together = run(drawn="2")[0], run("-n", "2", drawn="2")[0]
    assert together["passed"] == alone["passed"] < ALL
