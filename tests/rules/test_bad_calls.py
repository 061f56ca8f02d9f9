"""Bad shapes, dtypes and options raise at the call, and say which argument, what came and what was expected (R10)."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn import rules
from funcnn.rules import batch_statistics
from funcnn.rules._catalogue import catalogue, draw_all
from funcnn.rules._catalogue._entry import array_names

BAD = [
    pytest.param(entry, one, id=f"{entry.name}-{i}") for entry in catalogue.values() for i, one in enumerate(entry.bad)
]


@pytest.mark.parametrize(("entry", "one"), BAD)
def test_a_bad_call_says_what_was_wrong(entry, one):
    rule, args = entry.bind(one.options), draw_all(one.args, 0, jnp.float64)
    for run in (lambda: rule(*args), lambda: jax.jit(lambda: rule(*args))()):
        with pytest.raises(one.error, match=one.message):
            run()


@pytest.mark.parametrize("name", catalogue)
def test_every_rule_declares_a_bad_call(name):
    assert catalogue[name].bad


def options_of(entry):
    """The options of a rule: what its signature has beyond its arrays."""
    return [name for name in inspect.signature(entry.rule).parameters if name not in array_names(entry.rule)]


@pytest.mark.parametrize("value", [1j, b"1"], ids=["complex", "bytes"])
@pytest.mark.parametrize("name", catalogue)
def test_an_option_of_another_type_is_named(name, value):
    entry = catalogue[name]
    example = entry.examples[-1]
    args = draw_all(example.args, 0, jnp.float64)
    for option in options_of(entry):
        with pytest.raises((TypeError, ValueError), match=rf"^{name}: {option} must "):
            entry.bind(example.options | {option: value})(*args)


BOOLEAN = [
    (entry, option)
    for entry in catalogue.values()
    for option in options_of(entry)
    if isinstance(inspect.signature(entry.rule).parameters[option].default, bool)
]


@pytest.mark.parametrize("value", [1, "False", None, np.ones(1)], ids=["int", "word", "None", "array"])
@pytest.mark.parametrize(("entry", "option"), BOOLEAN, ids=lambda part: getattr(part, "name", part))
def test_a_boolean_option_takes_no_other_value(entry, option, value):
    example = entry.examples[0]
    args = draw_all(example.args, 0, jnp.float64)
    with pytest.raises((TypeError, ValueError), match=rf"^{entry.name}: {option} must be True or False, got "):
        entry.bind(example.options | {option: value})(*args)


@pytest.mark.parametrize(("entry", "option"), BOOLEAN, ids=lambda part: getattr(part, "name", part))
def test_a_boolean_option_is_numpys_too(entry, option):
    example = entry.examples[0]
    args = draw_all(example.args, 0, jnp.float64)
    both = [jax.eval_shape(entry.bind(example.options | {option: kind(False)}), *args) for kind in (bool, np.bool_)]
    assert both[0] == both[1]


INTEGERS = {
    "axis",
    "window",
    "stride",
    "dilation",
    "groups",
    "factor",
    "sizes",
    "size",
    "iterations",
    "ignore",
    "padding_id",
    "local_window_size",
    "chunk",
}


def of_numpy(value):
    """The option with its integers as NumPy's."""
    if isinstance(value, tuple):
        return tuple(map(of_numpy, value))
    return np.int64(value) if isinstance(value, int) else value


def test_an_integer_of_numpy_is_an_integer():
    tried = set()
    for entry in catalogue.values():
        for name in INTEGERS & set(options_of(entry)):
            example = next(e for e in entry.examples if e.options.get(name) is not None)
            rule = entry.bind(example.options | {name: of_numpy(example.options[name])})
            jax.eval_shape(rule, *draw_all(example.args, 0, jnp.float64))
            tried.add(name)
    assert tried == INTEGERS


@pytest.mark.parametrize("value", [0.5, 3])
@pytest.mark.parametrize("name", catalogue)
def test_a_number_where_an_array_belongs_is_one_or_is_named(name, value):
    entry = catalogue[name]
    args = draw_all(entry.typical.args, 0, jnp.float64)
    said = []
    for place in range(len(array_names(entry.rule))):
        try:
            entry.bind(entry.typical.options)(*args[:place], value, *args[place + 1 :])
        except (TypeError, ValueError) as error:
            said.append(str(error))
    assert all(message.startswith(f"{name}: ") for message in said)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([], r"batch_statistics: batches must have entries, got \[\]"),
        ([(3, 5), (0, 5)], "batches must have entries, got .*'float64"),
        ([(3, 5), (3, 4)], r"batches must have 5 channels each, got .*\[3, 4\]"),
    ],
)
def test_batch_statistics_says_what_was_wrong(shapes, message):
    with pytest.raises(ValueError, match=message):
        batch_statistics([jnp.zeros(shape) for shape in shapes])


def test_a_table_of_numpy_is_a_table():
    table = np.arange(6.0).reshape(3, 2)
    assert rules.embedding(np.array([2]), table, 1).tolist() == [[4.0, 5.0]]
    assert jax.grad(lambda table: rules.embedding(np.array([2]), table).sum())(table)[:, 0].tolist() == [0.0, 0.0, 1.0]


def test_a_number_is_an_array_of_rank_0():
    assert float(rules.tanh(0.5)) == pytest.approx(0.46211715726)
    assert float(jax.grad(rules.gelu)(0.0)) == 0.5
