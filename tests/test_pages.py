"""Each section of the pages in docs/ is a program that prints what the page says."""

import re

import pytest

from tests.helpers.pages import ROOT, expected, python, require_printed, sections

PAGES = ["generation", "interop", "scaling", "training"]
SECTIONS = {
    f"{page}-{title}": text
    for page in PAGES
    for title, text in sections((ROOT / "docs" / f"{page}.md").read_text()).items()
    if python(text)
}


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_prints_what_it_says(section):
    text = SECTIONS[section]
    for library in ("torch",):
        if re.search(rf"^import {library}$", text, re.MULTILINE):
            pytest.importorskip(library)
    require_printed(text)


def test_there_are_sections_and_each_shows_what_it_prints():
    assert SECTIONS
    for section, text in SECTIONS.items():
        assert any(expected(text)), section
