"""Imports point down only and in no circle, rooms keep to themselves, and nothing public is undocumented."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import funcnn as fn
from tests.helpers.imports import circle_in, graph_of

PACKAGE = Path(fn.__file__).parent
BELOW = {
    "_core": set(),
    "initializers": set(),
    "_paths": set(),
    "_calibration": {"_core", "_paths", "_warn"},
    "_hijax": set(),
    "_arrays": set(),
    "_did_you_mean": set(),
    "_extras": set(),
    "_html": set(),
    "_table": set(),
    "_warn": set(),
    "_shown": {"_core"},
    "_intercept": {"_hijax"},
    "_forward": {"_intercept"},
    "rules": {"rules"},
    "_streaming": {"_core"},
    "layers": {"layers", "_core", "_calibration", "_shown", "_streaming", "initializers", "rules"},
    "combinators": {"combinators", "_core", "_calibration", "_shown", "_streaming"},
    "generation": {"generation", "_core", "_streaming", "combinators", "rules", "training"},
    "models": {"models", "_core", "_shown", "_streaming", "initializers", "rules", "layers", "combinators"},
    "_reduction": {"rules"},
    "losses": {"losses", "_arrays", "_reduction", "rules"},
    "_summary": {"_core", "_html", "_intercept", "_table", "combinators"},
    "training": {
        "training",
        "_arrays",
        "_core",
        "_forward",
        "_intercept",
        "_paths",
        "_calibration",
        "_extras",
        "_html",
        "_table",
        "_warn",
        "initializers",
        "rules",
        "layers",
        "combinators",
        "losses",
    },
    "plot": {"_extras"},
    "metrics": {"metrics", "_arrays", "_reduction", "generation", "rules", "training"},
    "interop": {"interop", "_core", "_calibration", "_extras", "_paths"},
    "sklearn": {"sklearn", "_calibration", "_core", "combinators", "layers", "losses", "rules", "training"},
    "verify": {"verify", "_html", "_hijax", "_intercept", "_forward"},
}
LOOKS_UP_OUR_CATALOGUE = {PACKAGE / "verify" / "command" / "_our_rules.py"}


@cache
def graph():
    """For each file of the package the files that it imports."""
    return graph_of(PACKAGE)


def room(path, within=PACKAGE):
    """The module or package just below a folder that a file belongs to."""
    return path.relative_to(within).parts[0].removesuffix(".py")


def test_imports_point_down():
    for path, imported in graph().items():
        if path != PACKAGE / "__init__.py":
            allowed = BELOW[room(path)] | ({"rules"} if path in LOOKS_UP_OUR_CATALOGUE else set())
            assert set(map(room, imported)) <= allowed, path


def test_the_graph_sees_imports():
    below = {"_core", "_shown", "initializers", "rules", "layers"}
    assert set(map(room, graph()[PACKAGE / "layers" / "_linear.py"])) == below
    assert set(map(room, graph()[PACKAGE / "__init__.py"])) >= {"verify", "rules", "training"}
    assert any("_catalogue" in file.parts for path in LOOKS_UP_OUR_CATALOGUE for file in graph().get(path, ()))


def test_no_circle_of_imports():
    assert circle_in({path: imported - {path} for path, imported in graph().items()}) is None


def test_a_circle_inside_of_functions_is_found(tmp_path):
    package = tmp_path / "package"
    (package / "room").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "a.py").write_text("from .room._b import b\n")
    (package / "room" / "_b.py").write_text("def b():\n    from package import c\n")
    (package / "c.py").write_text("import package.d\n")
    assert circle_in(graph_of(package)) is None
    (package / "c.py").write_text("def c():\n    import package.a as a\n")
    assert {path.name for path in circle_in(graph_of(package))} == {"a.py", "_b.py", "c.py"}


def test_no_family_of_rules_imports_another():
    rules = PACKAGE / "rules"
    families = {path.parent.name for path in rules.glob("*/__init__.py")} - {"_catalogue", "_common"}
    assert families >= {"affine", "activations", "normalization", "spatial", "losses", "noise", "gradients", "numerics"}
    assert families >= {"attention", "recurrent", "structure"}
    for family in families | {"_common"}:
        for path in (rules / family).rglob("*.py"):
            imported = {room(file, rules) for file in graph()[path]}
            assert imported <= {family, "_common"}, path


def test_rules_import_jax_only():
    for path in (PACKAGE / "rules").rglob("*.py"):
        data = "_catalogue" in path.parts
        allowed = (
            sys.stdlib_module_names | {"jax", "numpy"}
            if data
            else {"jax", "numpy", "math", "functools", "collections", "typing"}
        )
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Import, ast.ImportFrom)) and not getattr(node, "level", 0):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
                for name in names:
                    assert name.split(".")[0] in allowed, path


def test_files_stay_small():
    for path in PACKAGE.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, path


def test_every_module_says_what_it_is_for():
    for path in graph():
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_every_public_name_has_a_docstring():
    for module in (fn, fn.rules, fn.losses, fn.interop, fn.sklearn, fn.metrics, fn.verify):
        for name, value in vars(module).items():
            if not name.startswith("_") and callable(value):
                assert value.__doc__, f"{module.__name__}.{name}"


def test_importing_the_package_is_light():
    heavy = {"chex", "flax", "funcnn.verify", "matplotlib", "sklearn", "tqdm"}
    code = f"import sys, funcnn; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_checker_is_imported_when_first_used():
    code = "import funcnn as fn; print('verify' in dir(fn), fn.verify.check.__name__)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", "check"]
    with pytest.raises(AttributeError, match="module 'funcnn' has no attribute 'verfiy'"):
        fn.verfiy  # noqa: B018
