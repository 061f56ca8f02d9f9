"""Zeros, ties, ±inf, subnormals, 1e±30 and constant rows give no undeclared NaN or infinity, to the second order.

`FUNCNN_FUZZ=100000 pytest tests/rules/test_fuzz.py -s` draws so many points over the whole catalogue; by default a few a
rule. `FUNCNN_FUZZ_SEED` draws others; the seed is printed.
"""

import os

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis.extra.numpy import arrays

from funcnn.rules._catalogue import catalogue, draw

SEED = int(os.environ.get("FUNCNN_FUZZ_SEED", "0"))
POINTS = max(12, int(os.environ.get("FUNCNN_FUZZ", "0")) // len(catalogue) + 1)
HOSTILE = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    3.0,
    -3.0,
    6.0,
    5e-324,
    -1e-310,
    2.2e-308,
    1e-30,
    -1e-30,
    1e30,
    -1e30,
    700.0,
    -750.0,
]
OVERFLOWING = {
    "safe_divide": [a for a in HOSTILE if a == 0 or abs(a) > 1e-300],  # 1 by a subnormal number is none
    "poisson_nll": [a for a in HOSTILE if abs(a) < 1e30],  # nor is e^(10³⁰)
}
INFINITE = [*HOSTILE[:8], float("inf"), float("-inf")]
RULES = [pytest.param(entry, id=entry.name) for entry in catalogue.values()]


def declares_infinities(entry) -> bool:
    """Whether the rule's edges hold an infinite first argument, and no NaN for it."""
    infinite = [edge for edge in entry.edges if np.isinf(np.asarray(edge.args[0], float)).any()]
    nans = [
        edge
        for edge in infinite
        if any(np.isnan(np.asarray(a, float)).any() for a in (edge.y, *edge.bars) if a is not None)
    ]
    return bool(infinite) and not nans


def hostile(shape, values):
    """Arrays of hostile numbers: each its own, all the same, or each row constant."""
    number = st.sampled_from(values) | st.floats(-10, 10).filter(lambda a: a == 0 or abs(a) > 1e-20)
    rows = arrays(np.float64, (*shape[:-1], 1)[: len(shape)], elements=number)
    return arrays(np.float64, shape, elements=number, fill=number) | rows.map(
        lambda a: np.broadcast_to(a, shape).copy()
    )


def program(entry, example):
    """Value, cotangents, and the gradient of their weighted sum, of the floating arguments that are shapes alone."""
    others = draw(example, SEED, jnp.float64)
    plain = [i for i, a in enumerate(example.args) if isinstance(a, tuple) and not hasattr(a, "shape")]

    def call(*floats):
        full = list(others)
        for i, a in zip(plain, floats, strict=True):
            full[i] = a
        return entry.bind(example.options)(*full)

    def bars(*floats):
        y, vjp = jax.vjp(call, *floats)
        return vjp(jax.tree.map(jnp.ones_like, y))

    def slope(*floats):
        weights = [jnp.cos(jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape) for a in floats]
        return sum(map(jnp.vdot, weights, bars(*floats)))

    def run(floats):
        return (call(*floats), bars(*floats)), jax.grad(slope, tuple(range(len(floats))))(*floats)

    return jax.jit(run), [example.shapes[i] for i in plain]


def holds(run, values, fine):
    """Whether everything is fine, over ``POINTS`` draws."""
    function, shapes = run

    @hypothesis.seed(SEED)
    @hypothesis.settings(
        max_examples=POINTS, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(st.tuples(*(hostile(shape, values) for shape in shapes)))
    def search(floats):
        for leaf in jax.tree.leaves(function([jnp.asarray(a) for a in floats])):
            assert fine(np.asarray(leaf)).all(), (floats, leaf)

    search()


@pytest.mark.slow
@pytest.mark.parametrize("entry", RULES)
def test_finite_inputs_give_finite_results_to_the_second_order(entry):
    run = program(entry, entry.typical)
    if run[1]:
        print(f"seed {SEED}, {POINTS} points")
        holds(run, OVERFLOWING.get(entry.name, HOSTILE), np.isfinite)


@pytest.mark.slow
@pytest.mark.parametrize("entry", [rule for rule in RULES if declares_infinities(rule.values[0])])
def test_infinite_inputs_give_no_nan(entry):
    function, shapes = program(entry, entry.typical)
    holds((lambda floats: function(floats)[0], shapes), INFINITE, lambda a: ~np.isnan(a))


@pytest.mark.slow
def test_the_search_finds_what_is_not_finite():
    def naive_sqrt(x: jax.Array) -> jax.Array:
        return jnp.sqrt(x)

    entry = catalogue["safe_sqrt"]
    naive = entry._replace(rule=naive_sqrt)
    with pytest.raises(AssertionError):
        holds(program(naive, entry.typical), HOSTILE, np.isfinite)
