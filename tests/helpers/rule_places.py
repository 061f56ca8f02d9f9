"""Where a rule has to be named: its page, the index, the catalogue, the docs list and the changelog."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULES = ROOT / "funcnn" / "rules"
UNNAMED_ELSEWHERE = {"batch_norm_inference"}  # no other library has a name for it


def pages(rules: Path = RULES) -> dict[str, Path]:
    """The page of every rule: the file that calls its ``defvjp``."""
    found = {}
    for path in sorted(rules.glob("[!_]*/_*.py")):
        for node in ast.parse(path.read_text()).body:
            match node:
                case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="defvjp"))):
                    found[name] = path
    return found


def missing_places(name: str, page: Path, root: Path = ROOT) -> list[str]:
    """The places that do not name the rule yet, each with what belongs there."""
    rules = root / "funcnn" / "rules"
    room, stem = page.parent.name, page.stem.removeprefix("_")
    catalogue = rules / "_catalogue" / room / f"{stem}.py"
    named_in = lambda path, pattern: path.exists() and re.search(pattern, path.read_text(), re.MULTILINE) is not None
    places = {
        f"{page.relative_to(root)}: {name}_reference": named_in(page, rf"^def {name}_reference\("),
        f"{page.relative_to(root)}: a text for every TODO": not named_in(page, "TODO"),
        f"funcnn/rules/__init__.py: from .{room}.{page.stem} import {name} as {name}": named_in(
            rules / "__init__.py", rf"^from \.{room}\.{page.stem} import {name} as {name}$"
        ),
        f"{catalogue.relative_to(root)}: rule({name}, …)": named_in(catalogue, rf"rule\(\s*{name},"),
        f"docs/names_elsewhere.txt: a line that points to `{name}`": name in UNNAMED_ELSEWHERE
        or named_in(root / "docs" / "names_elsewhere.txt", rf"`(losses\.)?{name}`"),
        f"CHANGELOG.md: {name}": named_in(root / "CHANGELOG.md", rf"\b{name}\b"),
    }
    return [place for place, there in places.items() if not there]
