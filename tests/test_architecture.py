"""Imports point down only, nothing public is undocumented, and the rules know of nothing but jax."""

import ast
from pathlib import Path

import funcnn as fn

PACKAGE = Path(fn.__file__).parent
BELOW = {
    "_core": set(),
    "initializers": set(),
    "_intercept": set(),
    "rules": {"rules"},
    "layers": {"layers", "_core", "initializers", "rules"},
    "combinators": {"_core"},
    "losses": {"rules"},
    "_summary": {"_core", "_intercept", "combinators"},
    "training": {"training", "_core", "initializers", "rules", "layers", "combinators", "losses"},
    "verify": {"verify", "_intercept"},
}


def room(path):
    """The top-level module or package that a file belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported_rooms(path):
    """The rooms that a file imports from, by relative or absolute import."""
    package = ["funcnn", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module or "").split(".")] if node.module else base
            targets = [module] if len(module) > 1 else [[*module, alias.name] for alias in node.names]
        elif isinstance(node, ast.Import):
            targets = [alias.name.split(".") for alias in node.names]
        else:
            continue
        yield from (t[1] for t in targets if t[0] == "funcnn" and len(t) > 1)


def test_imports_point_down():
    for path in PACKAGE.rglob("*.py"):
        if path == PACKAGE / "__init__.py":
            continue
        allowed = BELOW[room(path)]
        if path == PACKAGE / "verify" / "__main__.py":
            allowed = allowed | {"rules"}  # the command line, given no name, looks up our own catalogue
        assert set(imported_rooms(path)) <= allowed, path


def test_the_import_test_sees_imports():
    assert set(imported_rooms(PACKAGE / "layers" / "_linear.py")) == {"_core", "initializers", "rules", "layers"}
    assert set(imported_rooms(PACKAGE / "__init__.py")) >= {"verify", "rules", "training"}


def test_rules_import_jax_only():
    for path in (PACKAGE / "rules").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Import, ast.ImportFrom)) and not getattr(node, "level", 0):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
                for name in names:
                    assert name.split(".")[0] in {"jax", "numpy", "math", "functools", "collections", "typing"}, path


def test_files_stay_small():
    for path in PACKAGE.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, path


def test_every_public_name_has_a_docstring():
    for module in (fn, fn.rules, fn.losses, fn.verify):
        for name, value in vars(module).items():
            if not name.startswith("_") and callable(value):
                assert value.__doc__, f"{module.__name__}.{name}"
