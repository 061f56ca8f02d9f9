"""Every rule has a page: its mathematics in six sections, and the code so near that nobody scrolls past other rules."""

import ast
import re

import pytest

from tests.helpers.rule_places import RULES, pages

SECTIONS = ["Forward", "Backward", "Derivation", "Residuals", "Edges", "Source"]
MOST_LINES = 90
PAGES = {path.relative_to(RULES).as_posix(): path.read_text() for path in sorted(set(pages().values()))}


def sections(text):
    """The headings of the module's docstring, in their order."""
    return re.findall(rf"^({'|'.join(SECTIONS)})\b", ast.get_docstring(ast.parse(text)) or "", re.MULTILINE)


def lines_to_the_code(text):
    """How many lines lie between the end of the derivation and the last defvjp; those of docstrings are not counted."""
    lines = text.splitlines()
    derivation_ends = next((i for i, line in enumerate(lines) if line.startswith("Residuals")), 1) - 1
    last = max((i for i, line in enumerate(lines) if ".defvjp(" in line), default=derivation_ends)
    return len(set(range(derivation_ends, last)) - docstrings(text))


def docstrings(text):
    """The lines of the module's docstring and of every function's, counted from 0."""
    tree = ast.parse(text)
    documented = [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]
    strings = [node.body[0] for node in documented if ast.get_docstring(node) is not None]
    return {i for string in strings for i in range(string.lineno - 1, string.end_lineno)}


@pytest.mark.parametrize("place", PAGES)
def test_a_page_has_its_sections_in_order(place):
    assert_sections(place, PAGES[place])


def assert_sections(place, text):
    found = sections(text)
    lacking = [section for section in SECTIONS if section not in found]
    assert not lacking, f"{place} lacks the section {', '.join(lacking)}"
    assert found == SECTIONS, f"{place} has its sections in the order {', '.join(found)}"


@pytest.mark.parametrize("place", PAGES)
def test_nobody_scrolls_from_a_derivation_past_others_to_its_code(place):
    lines = lines_to_the_code(PAGES[place])
    assert lines <= MOST_LINES, f"{place}: {lines} lines from the derivation to the last defvjp, at most {MOST_LINES}"


@pytest.mark.parametrize(
    ("section", "other", "message"),
    [
        ("Edges", "Limits", "affine/_linear.py lacks the section Edges"),
        ("Edges", "Source", "affine/_linear.py lacks the section Edges"),
        ("Source", "Source\n\nSource", "affine/_linear.py has its sections in the order .*, Edges, Source, Source"),
    ],
)
def test_a_wrong_section_is_said(section, other, message):
    text = PAGES["affine/_linear.py"].replace(f"\n{section}\n", f"\n{other}\n")
    with pytest.raises(AssertionError, match=message):
        assert_sections("affine/_linear.py", text)


def test_a_long_way_is_noticed():
    near = PAGES["affine/_linear.py"]
    far = near.replace("\nlinear.defvjp(", f"{chr(10) * MOST_LINES}linear.defvjp(")
    assert lines_to_the_code(far) == lines_to_the_code(near) + MOST_LINES - 1 > MOST_LINES


def test_docstrings_are_not_on_the_way():
    near = PAGES["affine/_linear.py"]
    far = near.replace("\nEdges\n", f"\nEdges\n{chr(10) * MOST_LINES}").replace("    Args:\n", "    Args:\n\n\n\n")
    assert lines_to_the_code(far) == lines_to_the_code(near)
