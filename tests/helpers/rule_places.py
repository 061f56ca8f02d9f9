"""Where a rule has to be named: its page, the index, the catalogue, the docs list, its page, and the changelog."""

import ast
import re
from pathlib import Path

from docs.names_elsewhere import UNNAMED_ELSEWHERE

ROOT = Path(__file__).parents[2]
RULES = ROOT / "funcnn" / "rules"


def pages(rules: Path = RULES) -> dict[str, Path]:
    """The page of every rule: the file that makes it, or what has its name after an underscore, a ``custom_vjp``."""
    found = {}
    for path in sorted(rules.glob("[!_]*/_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and any("custom_vjp" in ast.unparse(d) for d in node.decorator_list):
                found[node.name.removeprefix("_")] = path
    return found


def named(rules: Path = RULES) -> dict[str, Path]:
    """The page of every rule, and of every other name in the catalogue the page that it expects."""
    expected = {}
    for path in sorted((rules / "_catalogue").glob("*/*.py")):
        for name in re.findall(r"\brule\(\s*(\w+),", path.read_text()):
            expected[name] = rules / path.parent.name / f"_{path.name}"
    return expected | pages(rules)


def missing_places(name: str, page: Path, root: Path = ROOT) -> list[str]:
    """The places that do not name the rule yet, each with what belongs there."""
    rules = root / "funcnn" / "rules"
    room, stem = page.parent.name, page.stem.removeprefix("_")
    catalogue = rules / "_catalogue" / room / f"{stem}.py"
    theirs = "".join(word.capitalize() for word in name.split("_"))
    named_in = lambda path, pattern: path.exists() and re.search(pattern, path.read_text(), re.MULTILINE) is not None
    elsewhere = lambda kind: named_in(root / "docs" / f"names_elsewhere.{kind}", rf"`(losses\.)?{name}`")
    said_in = lambda kind: name in UNNAMED_ELSEWHERE or elsewhere(kind)
    places = {
        f"{page.relative_to(root)}: {name}.defvjp(…)": named_in(page, rf"^_?{name}\.defvjp\("),
        f"{page.relative_to(root)}: {name}_reference": named_in(page, rf"^def {name}_reference\("),
        f"{page.relative_to(root)}: a text for every TODO": not named_in(page, "TODO"),
        f"funcnn/rules/__init__.py: from .{room}.{page.stem} import {name} as {name}": named_in(
            rules / "__init__.py", rf"^from \.{room}\.{page.stem} import {name} as {name}$"
        ),
        f"{catalogue.relative_to(root)}: rule({name}, …)": named_in(catalogue, rf"rule\(\s*{name},"),
        f"docs/names_elsewhere.txt: a line of their name and ours, such as {theirs}: `{name}`": said_in("txt"),
        "docs/names_elsewhere.md: run .venv/bin/python docs/names_elsewhere.py": said_in("md"),
        f"CHANGELOG.md: {name}": named_in(root / "CHANGELOG.md", rf"\b{name}\b"),
    }
    return [place for place, there in places.items() if not there]
