"""The catalogue holds every rule, and the tests that loop over it can fail."""

import jax
import jax.numpy as jnp
import pytest

import funcnn as fn
from funcnn.rules._catalogue import Example, catalogue
from tests.helpers.judge import assert_close
from tests.rules.test_promises import two_sides, value_and_bars


def test_every_public_rule_is_in_the_catalogue():
    public = {name for name, rule in vars(fn.rules).items() if isinstance(rule, jax.custom_vjp)}
    assert public == set(catalogue)


def test_every_entry_has_small_odd_and_empty_examples():
    for entry in catalogue.values():
        firsts = [e.shapes[0] for e in entry.examples]
        assert any(0 in shape for shape in firsts), entry.name
        assert any(1 in shape for shape in firsts), entry.name
        assert any(max(shape, default=0) in {5, 7, 9} for shape in firsts), entry.name
        assert len({len(shape) for shape in firsts}) > 1, entry.name


def off_by_a_thousandth(bars):
    return tuple(b if b is None else b * 1.001 for b in bars)


def one_element_wrong(bars):
    return tuple(b if b is None or not b.size else b.at[(0,) * b.ndim].add(jnp.abs(b).max() / 1000) for b in bars)


def constant(bars):
    return tuple(b if b is None else b * 0 + 1 for b in bars)


@pytest.mark.parametrize("damage", [off_by_a_thousandth, one_element_wrong, constant])
@pytest.mark.parametrize("name", catalogue)
def test_a_damaged_rule_is_rejected(name, damage):
    entry = catalogue[name]
    wrong = jax.custom_vjp(entry.rule.__wrapped__, nondiff_argnums=entry.rule.nondiff_argnums)
    wrong.defvjp(entry.rule.fwd, lambda *args: damage(entry.rule.bwd(*args)))
    example = entry.typical
    _, reference, args = two_sides(entry, example)
    got = value_and_bars(entry._replace(rule=wrong).bind(example.options), args)
    with pytest.raises(AssertionError, match="relative error"):
        assert_close(got, value_and_bars(reference, args), 1e-10)


def test_an_example_without_options_binds_to_the_rule_itself():
    entry = catalogue["tanh"]
    assert Example(((3,),)).options == {}
    assert float(entry.bind({})(0.0)) == 0.0
