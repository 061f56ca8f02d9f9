"""A rule is named in all its places, and what is missing is said in one message."""

import shutil

import pytest

from tests.helpers.rule_places import ROOT, missing_places, named, pages
from tools.new_rule import write_skeleton

QUANTILE = "@jax.custom_vjp\ndef quantile(x):\n    return x\n\n\n"


def test_every_rule_is_named_in_all_its_places():
    missing = {name: places for name, page in named().items() if (places := missing_places(name, page))}
    lines = [f"{name} is missing in\n  " + "\n  ".join(places) for name, places in missing.items()]
    assert not missing, "\n".join(lines)


def test_the_pages_are_those_of_the_catalogue():
    from funcnn.rules._catalogue import catalogue  # it does not import while a place is missing

    assert set(pages()) == set(catalogue)


@pytest.fixture
def copy(tmp_path):
    """A copy of the files that name rules."""
    shutil.copytree(
        ROOT / "funcnn" / "rules", tmp_path / "funcnn" / "rules", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "CHANGELOG.md", tmp_path)
    return tmp_path


def test_a_new_page_is_missed_everywhere_else(copy):
    page = copy / "funcnn" / "rules" / "losses" / "_quantile.py"
    page.write_text(f"{QUANTILE}quantile.defvjp(quantile_fwd, quantile_bwd)\n")
    assert pages(copy / "funcnn" / "rules")["quantile"] == page
    assert missing_places("quantile", page, copy) == [
        "funcnn/rules/losses/_quantile.py: quantile_reference",
        "funcnn/rules/__init__.py: from .losses._quantile import quantile as quantile",
        "funcnn/rules/_catalogue/losses/quantile.py: rule(quantile, …)",
        "docs/names_elsewhere.txt: a line of their name and ours, such as Quantile: `quantile`",
        "docs/names_elsewhere.md: run .venv/bin/python docs/names_elsewhere.py",
        "CHANGELOG.md: quantile",
    ]


@pytest.mark.parametrize("name", ["huber", "relu6"])
@pytest.mark.parametrize(
    "file",
    [
        *["funcnn/rules/__init__.py", "funcnn/rules/_catalogue/{}.py"],
        *["docs/names_elsewhere.txt", "docs/names_elsewhere.md", "CHANGELOG.md"],
    ],
)
def test_each_place_is_missed_when_it_is_gone(copy, name, file):
    page = pages(copy / "funcnn" / "rules")[name]
    path = copy / file.format(f"{page.parent.name}/{page.stem.removeprefix('_')}")
    assert missing_places(name, page, copy) == []
    path.write_text(path.read_text().replace(name, "another"))
    assert len(missing_places(name, page, copy)) == 1


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("losses/_quantile.py", QUANTILE),
        ("_catalogue/losses/quantile.py", "entries = [rule(quantile, examples=[])]\n"),
    ],
)
def test_a_rule_without_a_backward_pass_is_missed(copy, file, line):
    rules = copy / "funcnn" / "rules"
    page = rules / "losses" / "_quantile.py"
    (rules / file).write_text(line)
    assert named(rules)["quantile"] == page
    assert missing_places("quantile", page, copy)[0] == "funcnn/rules/losses/_quantile.py: quantile.defvjp(…)"


def test_the_skeleton_leaves_two_places_and_the_words(copy):
    rules = copy / "funcnn" / "rules"
    page, _, _ = write_skeleton("cubic", "activations", rules)
    assert missing_places("cubic", page, copy) == [
        "funcnn/rules/activations/_cubic.py: a text for every TODO",
        "docs/names_elsewhere.txt: a line of their name and ours, such as Cubic: `cubic`",
        "docs/names_elsewhere.md: run .venv/bin/python docs/names_elsewhere.py",
        "CHANGELOG.md: cubic",
    ]


@pytest.mark.parametrize(
    ("name", "room", "error", "message"),
    [
        ("cubic", "activation", ValueError, "ROOM must be one of activations, affine, .*, got 'activation'"),
        ("Cubic", "activations", ValueError, "NAME must be a name like relu_squared, got 'Cubic'"),
        ("relu", "activations", FileExistsError, "relu is there already: funcnn/rules/activations/_relu.py"),
        ("relu6", "activations", FileExistsError, "relu6 is there already: funcnn/rules/activations/_relu.py"),
    ],
)
def test_a_skeleton_overwrites_nothing(copy, name, room, error, message):
    with pytest.raises(error, match=message):
        write_skeleton(name, room, copy / "funcnn" / "rules")
