"""Options are varied: numbers, words, None; what function or rule do not take is said, and what the example leaves out."""

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn.verify import check
from funcnn.verify.judging._arguments import left_out
from funcnn.verify.judging._options import Options, described

X = jnp.array([[0.5, -1.0, 2.0], [0.1, 0.2, -0.3]], jnp.float32)
SHAPE = jax.ShapeDtypeStruct((2, 3), jnp.float32)


def options_of(*args):
    return Options(lambda *args: None, args, [SHAPE], np.random.default_rng(0))


@pytest.mark.parametrize(
    ("value", "others"),
    [
        (0.01, (0.006, 0.015)),
        (0.0, (0.3,)),
        (float("inf"), ()),
        (True, (False,)),
        (-1, (-2, 0)),
        (0, (1,)),
        (2, (3, 4, 1)),
        ("mean", ("sum", "none")),
        ("who knows", ()),
    ],
)
def test_an_option_has_other_values(value, others):
    found = [option.others for option in options_of(X, value).every if not option.absent]
    assert (
        np.allclose(found[0], others)
        if found and isinstance(value, float)
        else tuple(found) == ((others,) if others else ())
    )


def test_an_array_may_be_left_out_and_none_may_be_an_array():
    array, none = options_of(X, None).every
    assert (array.others, array.absent) == ((None,), True)
    assert [a.shape for a in none.others] == [(3,), (2, 3)]
    assert described(array, None) == "args[0] = None"
    assert described(none, none.others[0]) == "args[1] = an array [3]"


def test_numbers_inside_a_tuple_are_left_but_floats():
    every = options_of((X, 0.5, 3), {"axis": 1}).every
    assert [option.name for option in every] == ["args[0][1]"]


def rule_of(f, bwd):
    g = jax.custom_vjp(f, nondiff_argnums=(1,))
    g.defvjp(lambda x, option: (f(x, option), x), bwd)
    return g


def power(x, n):
    return x**n


def test_a_rule_may_refuse_another_option():
    def bwd(n, x, g):
        if n != 2:
            raise NotImplementedError("n must be 2")
        return (2 * g * x,)

    report = check(rule_of(power, bwd), X, 2, level="fast")
    assert report.ok, str(report)
    assert ("S3 another n", "the function or the rule takes none that was tried") in report.skipped


def test_several_options_are_varied_together_and_named():
    def f(x, options):
        return options["scale"] * x + options["shift"]

    report = check(rule_of(f, lambda options, x, g: (g,)), X, Frozen(scale=1.0, shift=0.0), level="fast")
    (failure,) = [finding for finding in report.findings if finding.status == "fail"]
    assert "scale" in failure.inputs
    assert "shift" in failure.inputs


@jax.tree_util.register_pytree_with_keys_class
class Frozen(dict):
    """A dictionary that can be hashed, as a static argument must be."""

    def __hash__(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return hash(tuple(self.items()))

    def tree_flatten_with_keys(self):
        return [(jax.tree_util.DictKey(key), value) for key, value in self.items()], tuple(self)

    @classmethod
    def tree_unflatten(cls, keys, values):
        return cls(zip(keys, values, strict=True))


def soften(x, window=None, *, softcap: float | None = None, axis=-1):
    return jnp.tanh(rule_of(power, lambda n, x, g: (n * x ** (n - 1) * g,))(x, 2))


@pytest.mark.parametrize(
    ("f", "args", "names"),
    [
        (soften, (X,), ["window", "softcap", "axis"]),
        (soften, (X, 3), ["softcap", "axis"]),
        (jax.jit(soften), (X, None), ["softcap", "axis"]),
        (partial(soften, softcap=2.0), (X,), ["window", "axis"]),
        (jax.jit(partial(soften, window=3, axis=0)), (X,), ["softcap"]),
        (rule_of(power, lambda n, x, g: (n * x ** (n - 1) * g,)), (X, 2), []),
        (lambda *args, **options: soften(*args, **options), (X,), []),
        (jnp.sin, (X, X), []),
    ],
)
def test_an_option_that_the_example_leaves_out_is_named(f, args, names):
    assert left_out(f, args) == names


def test_a_report_says_which_options_were_not_run():
    report = check(soften, X, level="fast")
    assert report.ok, str(report)
    assert "not run      window, softcap, axis: left out of the example\n" in f"{report}\n"
    assert "window, softcap, axis: left out of the example" in report._repr_html_()
    assert ["softcap", "left out of the example"] in json.loads(report.to_json())["skipped"]
    assert "left out" not in str(check(partial(soften, softcap=1.0, axis=0), X, 3, level="fast"))
