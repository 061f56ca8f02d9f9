"""Every code block of the README runs and prints what the README says; what the pages name exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.verify.scoring import ALL

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [pytest.param((ROOT / name).read_text(), id=name) for name in ("README.md", "CONTRIBUTING.md")]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]


def whole_files():
    return {path.read_text() for path in (ROOT / "funcnn").rglob("*.py")}


def without_measures(text):
    """Times and memory depend on the machine; last digits, and where the worst rounding is, on the version of XLA."""
    text = re.sub(r"[\d,]+ µs +[\d,]+ temp bytes", "(measured)", text)
    text = re.sub(r"(\d\.\de-0[6-9]|0\.0e\+00)  \[.*ok", "(rounding)  ok", text)
    return re.sub(r"  +", "  ", re.sub(r"(\d\.\d{3})\d{3}e", r"\1e", text))


@pytest.mark.slow
def test_the_blocks_print_what_the_readme_says():
    files = whole_files()
    script = "\nprint('----')\n".join("pass" if code in files else code for code in PYTHON)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert run.returncode == 0, run.stderr
    printed = run.stdout.split("----\n")
    expected = []
    for (language, _), following in zip(BLOCKS, [*BLOCKS[1:], ("", "")], strict=True):
        if language == "python":
            expected.append(following[1] if following[0] == "text" else "")
    assert [without_measures(p) for p in printed] == [without_measures(e) for e in expected]


def test_one_block_is_a_whole_rule_file():
    assert (ROOT / "funcnn/rules/affine/_linear.py").read_text() in PYTHON


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
