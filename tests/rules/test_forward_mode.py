"""R7, for every rule of the catalogue: forward mode works through the rule itself, and without its rule."""

import jax
import jax.numpy as jnp
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close
from tests.rules.test_promises import CASES, RULES, cotangents, float_args, float_names, of_floats, two_sides


@pytest.mark.slow
@pytest.mark.parametrize("entry", [rule for rule in RULES if not rule.values[0].surrogate])
def test_forward_mode_without_rules_equals_the_reference(entry):  # R7
    for example in entry.examples[:4]:
        rule, reference, args = two_sides(entry, example)
        sides = [of_floats(f, args)[0] for f in (fn.verify.without_rules(rule), reference)]
        floats = tuple(args[i] for i in float_args(args))
        both = jax.jit(lambda a, a_dot, sides=sides: [jax.jvp(g, a, a_dot) for g in sides])
        assert_close(*both(floats, cotangents(floats)), 1e-10)


LINEAR = [case for case in CASES if case.values[0].linear and case.values[1] in case.values[0].examples[:3]]


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "example"), LINEAR)
def test_forward_mode_through_the_rule_equals_the_reference(entry, example):  # R7
    rule, reference, args = two_sides(entry, example)
    sides = [of_floats(f, args)[0] for f in (fn.forward(rule), reference)]
    floats = tuple(args[i] for i in float_args(args))
    found = jax.jit(lambda a, a_dot: [jax.jvp(g, a, a_dot) for g in sides])(floats, cotangents(floats))
    for what, *pair in zip(("value", "tangent"), *found, strict=True):
        assert_close(*pair, 1e-10, what)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entry", "example"), [case for case in LINEAR if case.values[1] is case.values[0].examples[1]]
)
def test_hessian_vector_products_through_the_rule_equal_the_reference(entry, example):  # R7
    rule, reference, args = two_sides(entry, example)
    floats = tuple(args[i] for i in float_args(args))
    y_bar, floats_dot = cotangents(jax.eval_shape(rule, *args)), cotangents(floats, 1)

    def products(f):
        g, _ = of_floats(f, args)
        weighted = lambda floats: sum(map(jnp.vdot, jax.tree.leaves(y_bar), jax.tree.leaves(g(*floats))))
        slope = lambda floats: jax.jvp(weighted, (floats,), (floats_dot,))[1]
        return jax.jvp(jax.grad(weighted), (floats,), (floats_dot,))[1], jax.grad(slope)(floats)

    found = jax.jit(lambda: [products(f) for f in (fn.forward(rule), reference)])()
    for way, *pair in zip(("forward over reverse", "reverse over forward"), *found, strict=True):
        assert_close(*(dict(zip(float_names(entry, args), bars, strict=True)) for bars in pair), 1e-9, way)


@pytest.mark.parametrize("entry", [rule for rule in RULES if not rule.values[0].linear])
def test_a_rule_that_is_declared_not_linear_has_no_forward_mode(entry):  # R7
    rule, _, args = two_sides(entry, entry.typical)
    g, floats = of_floats(fn.forward(rule), args)
    with pytest.raises(TypeError, match=f"{entry.name} .* has no forward mode"):
        jax.jvp(g, floats, floats)
