"""The page of tolerances is true: each term is used, and what is said to fix it exists."""

import ast
import re
from pathlib import Path

import pytest

import funcnn as fn
from funcnn.verify.judging import _tolerance
from funcnn.verify.judging._tolerance import FREE, Term
from tests.verify.scoring import ALL

VERIFY = Path(fn.verify.__file__).parent
TERMS = {name: term for name, term in vars(_tolerance).items() if isinstance(term, Term)}
FACTOR = re.compile(r"\d(\.\d*)?e-?\d+ \* (?!rng)|\d+ \* (\w+\.)*eps|eps \* \d")
TESTS = "\n".join(path.read_text() for path in Path(__file__).parent.parent.rglob("test_*.py"))


def read(source):
    """The names that some code reads: what it only imports, writes or mentions is not among them."""
    names = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name))
    return {name.id for name in names if isinstance(name.ctx, ast.Load)}


@pytest.mark.parametrize("name", TERMS)
def test_a_term_says_what_it_explains_and_what_fixed_it(name):
    term = TERMS[name]
    assert term > 0
    assert term.explains
    if term.fixed_by != FREE:
        assert term.fixed_by in {case.name for case in ALL} or f"def {term.fixed_by}(" in TESTS


@pytest.mark.parametrize("name", TERMS)
def test_a_term_is_used(name):
    assert any(name in read(path.read_text()) for path in VERIFY.rglob("*.py"))


def test_an_import_is_not_a_use():
    assert read("from page import OWN\nLARGEST = 1\nslack(VALUE)  # NEARBY") == {"slack", "VALUE"}


def test_no_factor_stands_outside_of_the_page():
    """No power of ten times something, and no eps times a number, in what judges."""
    names = "judge", "verdict", "kink", "finite_differences", "sides", "trial"
    judging = [VERIFY / "judging" / f"_{name}.py" for name in names]
    for path in [*judging, *(VERIFY / "stages").glob("s*.py")]:
        found = FACTOR.search(path.read_text())
        assert not found, (path, found)


@pytest.mark.parametrize("code", ["1e-3 * size", "1.5e4 * size", "64 * eps", "64 * self.eps", "eps * 64"])
def test_a_factor_is_seen(code):
    assert FACTOR.search(code)
    assert not FACTOR.search("1e-3 * rng.normal()")
