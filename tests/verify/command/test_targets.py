"""Rules are found where a module defines them, and a bad target is told in a line."""

import jax.numpy as jnp
import pytest

from funcnn.verify.command._arguments import examples_of
from funcnn.verify.command._targets import TargetError, find, rules_of


def test_the_rules_of_a_module_are_those_that_it_defines(write):
    write("@vjp\ndef imported(x): return x", "other.py")
    _, functions = find(write("""
        from other import imported

        @vjp
        def public(x): return x

        _private = vjp(jnp.tanh)
        again = public
        compiled = jax.jit(vjp(lambda x: x))

        @jax.custom_jvp
        def forward(x): return x

        class Group:
            @staticmethod
            @vjp
            def inner(x): return x

        def plain(x): return public(x)
    """))  # fmt: skip
    assert list(functions) == ["public", "_private", "compiled", "forward", "Group.inner"]


def test_a_function_is_checked_too_where_examples_are_declared_for_it(write):
    _, functions = find(write("check_vjp_examples = {'plain': (1.0,)}\ndef plain(x): return x"))
    assert list(functions) == ["plain"]


def test_a_target_may_name_one_function_of_a_file_or_module(write):
    target = write("""
        @vjp
        def one(x): return x
        class Group:
            two = vjp(jnp.sin)
    """)
    module, functions = find(f"{target}:Group.two")
    assert list(functions) == ["Group.two"]
    assert find(f"{module.__name__}:one")[1] == {"one": module.one}


def test_a_file_in_a_package_may_import_its_neighbours(write):
    write("", "package/__init__.py", head="")
    write("", "package/near.py")
    target = write("from .near import vjp\nrule = vjp(lambda x: x)", "package/inner.py", head="")
    module, functions = find(target)
    assert (module.__name__, list(functions)) == ("package.inner", ["rule"])


BAD_TARGETS = [
    ("no.such.module", "cannot import no.such.module: ModuleNotFoundError: No module named 'no'"),
    ("no_such.py", "cannot import no_such.py: FileNotFoundError: no file .*no_such.py"),
    ("", "cannot import a module without a name: ValueError"),
    ("math", "math defines no custom_vjp or custom_jvp function"),
    ("math:nothing", "math has no nothing; its rules: none"),
    ("math:pi", "math:pi must be a function, got float"),
]


@pytest.mark.parametrize(("target", "message"), BAD_TARGETS)
def test_a_bad_target_is_told_in_a_line(target, message):
    with pytest.raises(TargetError, match=message) as caught:
        find(target)
    assert "\n" not in str(caught.value)


def test_a_module_that_raises_is_told_in_a_line(write):
    with pytest.raises(TargetError, match=r"cannot import .*tiny\.py: RuntimeError: at once"):
        find(write("raise RuntimeError('at once')"))


def test_this_librarys_own_rules_are_found():
    import funcnn.rules.affine._linear as module

    assert list(rules_of(module)) == ["linear"]
    assert jnp.ndim(examples_of(module, "linear", module.linear).calls[0][0]) == 2
