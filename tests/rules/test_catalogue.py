"""The catalogue holds every rule, and the tests that loop over it can fail."""

import sys

import jax
import jax.numpy as jnp
import pytest

import funcnn as fn
from funcnn import rules
from funcnn.rules._catalogue import Edge, Example, catalogue
from funcnn.rules._catalogue._entry import at, call, rule
from tests.helpers.judge import assert_close
from tests.rules import test_promises as promises
from tests.rules.test_promises import by_name, float_names, two_sides, value_and_bars


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


@pytest.mark.slow
@pytest.mark.parametrize("damage", [off_by_a_thousandth, one_element_wrong, constant])
@pytest.mark.parametrize("name", catalogue)
def test_a_damaged_rule_is_rejected(name, damage):
    entry = catalogue[name]
    wrong = jax.custom_vjp(entry.rule.__wrapped__, nondiff_argnums=entry.rule.nondiff_argnums)
    wrong.defvjp(entry.rule.fwd, lambda *args: damage(entry.rule.bwd(*args)))
    example = entry.typical
    _, reference, args = two_sides(entry, example)
    found = value_and_bars(entry._replace(rule=wrong).bind(example.options), args), value_and_bars(reference, args)
    with pytest.raises(AssertionError, match=rf"^({'|'.join(float_names(entry, args))})_bar: relative error"):
        assert_close(*(by_name(entry, args, side) for side in found), 1e-10)


def test_a_wrong_declaration_is_said_in_bytes():
    wrong, example = catalogue["relu"]._replace(saves=[]), catalogue["relu"].examples[1]
    message = r"relu saves 8 bytes for these arguments, its entry declares 0 \(saves=\[\]\)"
    with pytest.raises(AssertionError, match=message):
        promises.test_it_saves_what_it_declares_to_the_byte(wrong, example, jnp.float64)


def test_a_wrong_cotangent_in_half_precision_is_said_by_name():
    wrong = jax.custom_vjp(rules.linear.__wrapped__)
    wrong.defvjp(rules.linear.fwd, lambda *args: off_by_a_tenth(rules.linear.bwd(*args)))
    entry = catalogue["linear"]._replace(rule=wrong)
    with pytest.raises(AssertionError, match=r"linear: \w_bar: relative error .* in float16, by autodiff .*"):
        promises.half_precision_is_no_worse(entry, entry.typical, jnp.float16)


def off_by_a_tenth(bars):
    return tuple(b if b is None else b + b / 10 for b in bars)


def test_a_call_by_names_is_put_in_order():
    entry = rule(rules.linear, examples=[call(w=(5, 2), x=(3, 5))], saves=["x"], batched=["x"])
    assert entry.examples == [Example(((3, 5), (5, 2)), {})]
    entry = rule(rules.glu, examples=[], saves=[], edges=[at(gate=0.0, x=2.0, axis=0, y=1.0, gate_bar=0.5)])
    assert entry.edges == [Edge((2.0, 0.0), 1.0, (None, 0.5), {"axis": 0})]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"examples": [call(x=(3, 5), v=(5, 2))]}, "linear has no argument v"),
        ({"edges": [at(x=2.0, y=1.0, v_bar=0.5)]}, "linear: an edge declares cotangents of v, not arguments of it"),
        ({"batched": ["w"]}, r"linear: batched must be the first arguments of \['x', 'w', 'b'\], got \['w'\]"),
        (
            {"saves": ["x", "y"]},
            r"linear: what it saves must be one of \['x', 'w', 'b'\], OUTPUT, PER_ROW, .* or a function, got 'y'",
        ),
    ],
)
def test_a_name_that_the_rule_does_not_have_is_said(fields, message):
    with pytest.raises(TypeError, match=message):
        rule(rules.linear, **({"examples": [], "saves": []} | fields))


def test_a_page_without_a_reference_is_said(monkeypatch):
    monkeypatch.delattr(sys.modules[rules.linear.__module__], "linear_reference")
    with pytest.raises(TypeError, match=r"funcnn/rules/affine/_linear.py has no linear_reference"):
        rule(rules.linear, examples=[], saves=[])
