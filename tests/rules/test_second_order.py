"""R6, for every rule of the catalogue: its backward pass has the right derivatives, at zeros, ties and far out too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.helpers.judge import assert_close
from tests.rules.test_promises import RULES, cotangents, float_args, float_names, of_floats, two_sides


@pytest.mark.slow
@pytest.mark.parametrize("entry", RULES)
def test_second_order_equals_the_reference(entry):  # R6
    for example in entry.examples[1:3]:
        *sides, args = two_sides(entry, example)
        floats = tuple(args[i] for i in float_args(args))
        primals = (cotangents(jax.eval_shape(sides[0], *args)), *floats)
        both = jax.jit(lambda *drawn, sides=sides, args=args: [second_order(f, args, *drawn) for f in sides])
        found = both(primals, cotangents(primals, 1), cotangents(floats, 2))
        assert_close(*(second_order_by_name(entry, args, side) for side in found), 1e-9, f"{example}")


def second_order(f, args, primals, primals_dot, bars_bar):
    """The derivative of all cotangents in all arguments and y_bar: reverse over reverse, and forward over reverse."""
    g, _ = of_floats(f, args)

    def bars(y_bar, *floats):
        return jax.vjp(g, *floats)[1](y_bar)

    return jax.vjp(bars, *primals)[1](bars_bar), jax.jvp(bars, primals, primals_dot)[1]


def second_order_by_name(entry, args, found):
    """What `second_order` gives, by the names of what is differentiated."""
    names = float_names(entry, args)
    bars, bars_dot = found
    return {
        "reverse over reverse": dict(zip(["y_bar", *names], bars, strict=True)),
        "forward over reverse": {f"{name}_bar": bar_dot for name, bar_dot in zip(names, bars_dot, strict=True)},
    }


@pytest.mark.slow
@pytest.mark.parametrize("entry", RULES)
def test_hessian_equals_the_reference(entry):  # R6
    rule, reference, args = two_sides(entry, entry.examples[1])
    hessians = []
    for f in (rule, reference):
        g, floats = of_floats(f, args)
        y_bar = cotangents(jax.eval_shape(g, *floats))

        def loss(*floats, g=g, y_bar=y_bar):
            return sum(map(jnp.vdot, jax.tree.leaves(y_bar), jax.tree.leaves(g(*floats))))

        rows = jax.jit(jax.hessian(loss, range(len(floats))))(*floats)
        names = float_names(entry, args)
        hessians.append({a: dict(zip(names, row, strict=True)) for a, row in zip(names, rows, strict=True)})
    assert_close(*hessians, 1e-9, "Hessian")


OVERFLOWING = {
    "layer_norm": 1.7e308,  # sums of entries overflow
    "l2_normalize": 3e-200,  # 1 / ‖x‖² overflows
}


@pytest.mark.slow
@pytest.mark.parametrize("entry", RULES)
def test_where_the_cotangents_are_finite_so_is_their_derivative(entry):
    for edge in entry.edges:
        args = tuple(None if a is None else jnp.asarray(a) for a in edge.args)
        rule = entry.bind(edge.options)
        bars, derivative = jax.jit(lambda *args, rule=rule: bars_and_derivative(rule, args))(*args)
        overflows = any((np.abs(a) == OVERFLOWING.get(entry.name, np.nan)).any() for a in of_floats(rule, args)[1])
        if all(np.isfinite(bar).all() for bar in bars) and not overflows:
            assert all(np.isfinite(a).all() for a in derivative), f"{edge}: {derivative}"


def bars_and_derivative(f, args):
    """The cotangents for ones, and the gradient of their sum with large random weights."""
    g, floats = of_floats(f, args)
    ones = jax.tree.map(jnp.ones_like, jax.eval_shape(f, *args))
    bars, vjp = jax.vjp(lambda *floats: jax.vjp(g, *floats)[1](ones), *floats)
    return bars, vjp(jax.tree.map(lambda a: 30 * a, cotangents(bars)))


POINTS = {
    "zeros": jnp.zeros_like,
    "ones": jnp.ones_like,
    "ties": jnp.round,
    "far": lambda a: 30 * a,
    "further": lambda a: 300 * a,
}
STEP = 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("entry", [rule for rule in RULES if rule.id != "spectral_norm"])  # it takes u for a constant
def test_second_order_is_the_slope_of_the_first_where_that_has_one(entry):
    for example in entry.examples[1:3]:
        rule, _, args = two_sides(entry, example)
        slopes = jax.jit(lambda args, rule=rule: slopes_and_derivatives(rule, args))
        for name, move in POINTS.items():
            plain = [isinstance(a, tuple) and not hasattr(a, "shape") for a in example.args]
            found = slopes(tuple(move(a) if p else a for p, a in zip(plain, args, strict=True)))
            for bar_of, *slope in zip(float_names(entry, args), *found, strict=True):
                assert_is_the_slope(*slope, f"{name} of {example}: {bar_of}_bar")


def slopes_and_derivatives(f, args):
    """All cotangents, how fast they change just before and just after the point, and their derivative there by JAX."""
    g, floats = of_floats(f, args)
    y_bar, along = cotangents(jax.eval_shape(g, *floats)), cotangents(floats, 1)
    at = lambda t: jax.vjp(g, *jax.tree.map(lambda a, d: a + t * d, floats, along))[1](y_bar)
    slope = lambda step: jax.tree.map(lambda a, b: (b - a) / step, at(0.0), at(step))
    before, after = slope(-STEP), slope(STEP / 2)  # a jump has another slope at half the step
    return at(0.0), before, after, jax.jvp(at, (0.0,), (1.0,))[1]


def assert_is_the_slope(bars, before, after, derivative, what):
    """Where both slopes agree the derivative is that slope."""
    scale = np.maximum(np.maximum(np.abs(before), np.abs(after)), max(np.abs(bars).max(initial=0), 0.01))
    smooth = np.abs(after - before) < 1e-3 * scale
    wrong = smooth & ~(np.abs(derivative - (before + after) / 2) < 1e-3 * scale)
    assert not wrong.any(), f"{what}: {derivative[wrong]}, where the slope is {before[wrong]}"
