"""The pages that a script writes are up to date, and the design defines every code that the repository cites."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs"

CITED = re.compile(r"(?<![\w.`])([RSPT]\d{1,2}b?)(?![\w.]*\w)")  # `R6` in backquotes is the package of R
DEFINED = re.compile(r"^\| ([RSPT]\d{1,2}b?) \|", re.MULTILINE)


def script(name):
    spec = importlib.util.spec_from_file_location(name, PAGES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_where_to_find_what_other_libraries_have_is_up_to_date():
    assert (PAGES / "names_elsewhere.md").read_text() == script("names_elsewhere").page()


def test_a_name_that_does_not_exist_is_noticed(monkeypatch):
    names = script("names_elsewhere")
    monkeypatch.setattr(names, "lists", lambda: {"elsewhere": [("Linear", "`linear`"), ("Lineal", "`lineal`")]})
    with pytest.raises(LookupError, match="there is no lineal"):
        names.page()


def test_every_layer_of_flax_is_named():
    nnx = pytest.importorskip("flax.nnx")
    known = {name for names, _ in script("names_elsewhere").lists()["flax.nnx"] for name in names.split()}
    layers = {name for name, value in vars(nnx).items() if isinstance(value, type) and issubclass(value, nnx.Module)}
    assert layers <= known


def test_every_layer_of_pytorch_is_named():
    torch = pytest.importorskip("torch")
    known = {name for names, _ in script("names_elsewhere").lists()["torch.nn"] for name in names.split()}
    layers = {n for n, v in vars(torch.nn).items() if isinstance(v, type) and issubclass(v, torch.nn.Module)}
    assert layers <= known


def texts():
    """The repository's Python and Markdown, path by path; what lies in hidden folders is not its own."""
    for path in sorted([*ROOT.rglob("*.py"), *ROOT.rglob("*.md")]):
        if not any(part.startswith(".") and part != ".github" for part in path.relative_to(ROOT).parts):
            yield path, path.read_text()


def defined():
    """Every code with a row in a table of docs/design."""
    return [code for page in sorted((PAGES / "design").glob("*.md")) for code in DEFINED.findall(page.read_text())]


def test_every_code_is_defined_once_and_none_is_left_out():
    numbered = {"R": range(1, 11), "S": range(12), "P": range(1, 14), "T": range(1, 14)}
    assert sorted(defined()) == sorted(["P1b", *(f"{letter}{i}" for letter, ns in numbered.items() for i in ns)])


def test_every_code_that_is_cited_is_defined():
    codes = set(defined())
    for path, text in texts():
        assert set(CITED.findall(text)) <= codes, path


def test_a_code_is_told_from_what_looks_like_one():
    text = "R1, `R6`, (S10) P1b. T13: float32[T3] P100 x.S5 S2.0 R2D2 PS3 'S7' \"S8 second order\" R9 … S11"
    assert CITED.findall(text) == ["R1", "S10", "P1b", "T13", "T3", "S7", "S8", "R9", "S11"]


def test_the_links_of_the_design_lead_somewhere():
    for page in PAGES.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
