"""The page of tolerances is true: each term is used, and what is said to fix it exists."""

import re
from pathlib import Path

import pytest

import funcnn as fn
from funcnn.verify.judging import _tolerance
from funcnn.verify.judging._tolerance import FREE, Term
from tests.verify.scoring import ALL

VERIFY = Path(fn.verify.__file__).parent
TERMS = {name: term for name, term in vars(_tolerance).items() if isinstance(term, Term)}
TESTS = "\n".join(path.read_text() for path in Path(__file__).parent.parent.rglob("test_*.py"))


@pytest.mark.parametrize("name", TERMS)
def test_a_term_says_what_it_explains_and_what_fixed_it(name):
    term = TERMS[name]
    assert term > 0
    assert term.explains
    if term.fixed_by != FREE:
        assert term.fixed_by in {case.name for case in ALL} or f"def {term.fixed_by}(" in TESTS


@pytest.mark.parametrize("name", TERMS)
def test_a_term_is_used(name):
    sources = [path.read_text() for path in VERIFY.rglob("*.py")]
    used = sum(len(re.findall(rf"\b{name}\b(?! = )", source)) for source in sources)
    assert used, name


def test_no_factor_stands_outside_of_the_page():
    """No power of ten times something, and no eps times a number, in what judges."""
    factor = re.compile(r"\d(\.\d*)?e-?\d+ \* (?!rng)|\d+ \* (\w+\.)*eps|eps \* \d")
    names = "judge", "verdict", "kink", "finite_differences", "sides", "trial"
    judging = [VERIFY / "judging" / f"_{name}.py" for name in names]
    for path in [*judging, *(VERIFY / "stages").glob("s*.py")]:
        found = factor.search(path.read_text())
        assert not found, (path, found)
