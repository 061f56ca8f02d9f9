"""The catalogue holds every rule, and the tests that loop over it can fail."""

import sys
from functools import partial

import jax
import jax.numpy as jnp
import pytest
from jax import Array

import funcnn as fn
from funcnn import rules
from funcnn.rules._catalogue import Edge, Example, catalogue
from funcnn.rules._catalogue._entry import at, behind, call, rule
from tests.helpers.judge import assert_close
from tests.rules import test_promises as promises
from tests.rules.test_promises import by_name, float_names, two_sides, value_and_bars


def test_every_public_rule_is_in_the_catalogue():
    public = {name for name, value in vars(fn.rules).items() if behind(value)}
    assert public == set(catalogue)


OF_ONE_RANK = {"rnn", "gru", "lstm", "ctc"}  # sequences are [batch, time, features]


def test_every_entry_has_small_odd_and_empty_examples():
    for entry in catalogue.values():
        firsts = [e.shapes[0] for e in entry.examples]
        assert any(0 in shape for shape in firsts), entry.name
        assert any(1 in shape for shape in firsts), entry.name
        assert any(max(shape, default=0) in {5, 7, 9} for shape in firsts), entry.name
        assert len({len(shape) for shape in firsts}) > 1 or entry.name in OF_ONE_RANK, entry.name


def off_by_a_thousandth(bars):
    return tuple(b if b is None else b * 1.001 for b in bars)


def one_element_wrong(bars):
    return tuple(b if b is None or not b.size else b.at[(0,) * b.ndim].add(jnp.abs(b).max() / 1000) for b in bars)


def constant(bars):
    return tuple(b if b is None else b * 0 + 1 for b in bars)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [off_by_a_thousandth, one_element_wrong, constant])
@pytest.mark.parametrize("name", catalogue)
def test_a_damaged_rule_is_rejected(name, damage, monkeypatch):
    entry = catalogue[name]
    hidden = behind(entry.rule)
    bwd = hidden.bwd
    monkeypatch.setattr(hidden, "bwd", lambda *args: damage(bwd(*args)))
    wrong, reference, args = two_sides(entry, entry.typical)
    found = value_and_bars(wrong, args), value_and_bars(reference, args)
    with pytest.raises(AssertionError, match=rf"^({'|'.join(float_names(entry, args))})_bar: relative error"):
        assert_close(*(by_name(entry, args, side) for side in found), 1e-10)


def scaled(x: Array, *, by: Array | None = None, power: int = 1) -> Array:
    return _scaled(x, jnp.ones_like(x) if by is None else by, power)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _scaled(x, by, power):
    return scaled_reference(x, by=by, power=power)


def scaled_fwd(x, by, power):
    return _scaled.__wrapped__(x, by, power), (x, by)


def scaled_bwd(power, residuals, y_bar):
    x, by = residuals
    return y_bar * by**power, power * y_bar * x * by ** (power - 1)


_scaled.defvjp(scaled_fwd, scaled_bwd)


def scaled_reference(x, *, by, power=1):
    return x * by**power


def test_a_rule_may_have_options_by_name():
    entry = rule(scaled, examples=[call(x=(3, 2), by=(3, 2), power=2)], saves=["x", "by"], batched=["x", "by"])
    assert behind(scaled) is _scaled
    assert behind(behind) is None
    assert entry.examples == [Example(((3, 2), (3, 2)), {"power": 2})]
    f, reference, args = two_sides(entry, entry.typical)
    assert_close(
        by_name(entry, args, value_and_bars(f, args)), by_name(entry, args, value_and_bars(reference, args)), 1e-12
    )
    promises.test_it_saves_what_it_declares_to_the_byte(entry, entry.typical, jnp.float64)


@pytest.mark.slow
def test_an_audit_names_the_function_in_front_of_a_rule():
    assert [row.name for row in fn.verify.audit(lambda x: scaled(x, power=2), jnp.ones(3)).rows] == ["scaled"]


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
        ({"batched": ["v"]}, r"linear: batched must be arguments of \['x', 'w', 'b'\], got \['v'\]"),
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
