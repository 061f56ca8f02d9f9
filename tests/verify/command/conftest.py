"""What the tests of the command line share: a module that is written for one test."""

import sys
from textwrap import dedent

import pytest

HEAD = """
import jax
import jax.numpy as jnp
from functools import partial

def vjp(f, *static):
    rule = jax.custom_vjp(f, nondiff_argnums=static)
    def bwd(*given):
        *constants, args, y_bar = given
        full = lambda *floats: f(*floats, *constants)
        return jax.vjp(full, *args)[1](y_bar)
    rule.defvjp(lambda *args: (f(*args), args[: len(args) - len(static)]), bwd)
    return rule
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a module and gives the path to name it by; what it put into sys.modules and sys.path goes away."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(text, name="tiny.py", head=HEAD):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(head + dedent(text))
        return str(path)

    yield write
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
