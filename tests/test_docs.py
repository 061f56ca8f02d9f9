"""The pages of docs that a script writes are what it writes."""

import importlib.util
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[1] / "docs"


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
