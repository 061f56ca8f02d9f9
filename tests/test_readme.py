"""Every code block of the README runs and prints what the README says; what the pages name exists."""

import re
from pathlib import Path

import pytest

from tests.helpers.pages import python, require_printed
from tests.verify.scoring import ALL

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [
    pytest.param((ROOT / name).read_text(), id=name) for name in ("README.md", "CONTRIBUTING.md", "docs/training.md")
]


def whole_files():
    return {path.read_text() for path in (ROOT / "funcnn").rglob("*.py")}


def without_measures(text):
    """Times and memory depend on the machine; last digits, and where the worst rounding is, on the version of XLA."""
    text = re.sub(r"[\d,]+ µs +[\d,]+ temp bytes", "(measured)", text)
    text = re.sub(r"(\d\.\de-0[6-9]|0\.0e\+00)  \[.*ok", "(rounding)  ok", text)
    return re.sub(r"  +", "  ", re.sub(r"(\d\.\d{3})\d{3}e", r"\1e", text))


@pytest.mark.slow
def test_the_blocks_print_what_the_readme_says():
    require_printed(README, whole_files(), without_measures)


def test_one_block_is_a_whole_rule_file():
    assert (ROOT / "funcnn/rules/affine/_linear.py").read_text() in python(README)


def test_the_scoring_set_is_as_large_as_it_says():
    wrong = sum(bool(case.fault) for case in ALL)
    assert f"{wrong} wrong rules and {len(ALL) - wrong} right ones" in README


@pytest.mark.parametrize("text", PAGES)
def test_the_commands_exist(text):
    makefile = (ROOT / "Makefile").read_text()
    for targets in re.findall(r"(?:^|`)make ([a-z-]+(?: [a-z-]+)*)", text, re.MULTILINE):
        for target in targets.split():
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("text", PAGES)
def test_the_files_exist(text):
    for name in re.findall(r"`((?:examples|funcnn|benchmarks|rules|docs|tests|tools)/[a-z_/.]*)`", text):
        assert (ROOT / name).exists() or (ROOT / "funcnn" / name).exists(), name
