"""A mutant has its original's values and other cotangents, wherever JAX takes it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn import rules
from funcnn.rules._catalogue import catalogue, draw
from funcnn.verify import check, without_rules
from funcnn.verify.mutate._broken import Fault, broken, code_of, program_of
from funcnn.verify.mutate._faults import FAULTS, WHOLE
from funcnn.verify.mutate._mutants import mutants
from tests.helpers.case import rule
from tests.verify.scoring import ALL

pytestmark = pytest.mark.slow

SCORED = {case.name: case.make for case in ALL}
CASES = [
    "softplus", "relu", "softmax", "squared_error",  # of the catalogue
    "embedding_repeated_ids", "mlp_of_a_tree", "power_of_an_option", "mish_of_a_softplus_rule",
    "max_and_its_place", "scale_by_a_python_number", "gelu_in_f32_inside", "exp_from_output",
]  # fmt: skip
X = jnp.array([[0.5, -1.0, 2.0], [0.1, 0.2, -0.3], [1.5, 0.0, -0.7]], jnp.float32)


def _case(name):
    if name not in catalogue:
        return SCORED[name]()
    example = catalogue[name].typical
    return catalogue[name].bind(example.options), draw(example, 0)


def _floating(a):
    return hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jnp.floating)


def _bars(f, args):
    """The floating-point results, and the cotangents of the floating-point arguments for drawn ones of the results."""
    leaves, tree = jax.tree.flatten(args)
    floats = [i for i, a in enumerate(leaves) if _floating(a)]

    def call(*values):
        full = dict(enumerate(leaves)) | dict(zip(floats, values, strict=True))
        return list(filter(_floating, jax.tree.leaves(f(*tree.unflatten(full.values())))))

    rng = np.random.default_rng(0)
    y, pull = jax.vjp(call, *(leaves[i] for i in floats))
    return y, pull([jnp.asarray(30 * rng.normal(size=a.shape), a.dtype) for a in y])


def _equal(a, b):
    return all(
        np.array_equal(x, y, equal_nan=True) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_mutant_has_the_value_and_another_cotangent(name):
    f, args = _case(name)
    found = mutants(f, args, limit=2).mutants
    assert len({m.name for m in found}) == 2
    change = lambda g: jax.tree.map(lambda a: g(a.astype(jnp.float64)) if _floating(a) else a, args)
    points = [
        change(lambda a: 1.1 * a + 0.1),
        change(jnp.round),
        change(lambda a: 0.02 * a),
    ]  # one smooth, with zeros, small
    before = [_bars(f, point) for point in points]
    for mutant in found:
        after = [_bars(mutant.f, point) for point in points]
        assert _equal([y for y, _ in after], [y for y, _ in before]), mutant.name
        assert not _equal([bars for _, bars in after], [bars for _, bars in before]), mutant.name
    assert _equal([_bars(f, point) for point in points], before)


def _product_bwd(residuals, y_bar):
    a, b = residuals
    jnp.sin(a)  # no result depends on it
    return y_bar[:, None] * b, jnp.where(a > 0, a, -a) * jnp.sign(a) * y_bar[:, None]


product = rule(lambda a, b: jnp.sum(a * b, 1), lambda a, b: (jnp.sum(a * b, 1), (a, b)), _product_bwd)


def with_fault(f, kind, primitive, n):
    return broken(f, code_of(f), Fault(kind, primitive, n))


B, G = X[::-1] + 1, jnp.array([1.0, 4.0, -3.0], jnp.float32)
A_BAR, B_BAR = G[:, None] * B, G[:, None] * X
BROKEN = [
    ("negated", "mul", 0, -A_BAR, B_BAR),
    ("first operand dropped", "mul", 0, B, B_BAR),
    ("second operand dropped", "mul", 2, A_BAR, X),
    ("cases swapped", "select_n", 0, A_BAR, -B_BAR),
    ("left out", "sign", 0, A_BAR, X * B_BAR * jnp.sign(X)),
    ("times the last axis' size", "mul", 0, 3 * A_BAR, B_BAR),
    ("transposed", "mul", 2, A_BAR, B_BAR.T),
    ("one element zeroed", "mul", 0, A_BAR.at[1, 1].set(0), B_BAR),
    ("rounded to bfloat16", "mul", 0, A_BAR.astype(jnp.bfloat16).astype(jnp.float32), B_BAR),
    ("constants + 5 %", "gt", 0, A_BAR, B_BAR),
    ("made zero", "cotangent", 1, A_BAR, 0 * X),
    ("clipped to [-1, 1]", "cotangent", 0, jnp.clip(A_BAR, -1, 1), B_BAR),
    ("made the next alike", "cotangent", 0, B_BAR, B_BAR),
    ("negated", "mul", 3, A_BAR, B_BAR),  # there is no such equation
    ("transposed", "gt", 0, A_BAR, B_BAR),  # nor room for that
]


@pytest.mark.parametrize(("kind", "primitive", "n", "a_bar", "b_bar"), BROKEN)
def test_a_fault_is_what_its_name_says(kind, primitive, n, a_bar, b_bar):
    bars = lambda a, b: jax.vjp(with_fault(product, kind, primitive, n), a, b)[1](G)
    for got in (bars(X, B), jax.jit(bars)(X, B)):
        np.testing.assert_allclose(got[0], a_bar, rtol=1e-6)
        np.testing.assert_allclose(got[1], b_bar, rtol=1e-6)


def cumulated(x):
    """Sums along a scan, the backward pass a scan of its own."""
    return jax.lax.scan(lambda h, x: (h + x, h + x), jnp.zeros_like(x[0]), x)[1]


def _cumulated_bwd(_, y_bar):
    add = lambda h, bar: (total := h + bar, total)
    return (jax.lax.scan(add, jnp.zeros_like(y_bar[0]), y_bar, reverse=True)[1],)


def test_a_fault_inside_a_scan_and_a_scan_the_other_way():
    f = rule(cumulated, lambda x: (cumulated(x), None), _cumulated_bwd)
    bars = lambda g: jax.vjp(g, X)[1](B)[0]
    np.testing.assert_allclose(bars(f), jnp.cumsum(B[::-1], 0)[::-1], rtol=1e-6)
    np.testing.assert_allclose(bars(with_fault(f, "reversed", "scan", 0)), jnp.cumsum(B, 0), rtol=1e-6)
    np.testing.assert_allclose(bars(with_fault(f, "first operand dropped", "add", 0)), B, rtol=1e-6)


def test_what_changes_nothing_is_counted_and_left_out():
    f = rule(jnp.sin, lambda x: (jnp.sin(x), x), lambda x, g: (jnp.where(x * x > -1.0, g * jnp.cos(x), g),))
    found, equivalent = mutants(f, (X,), limit=1000)
    assert any(m.name.startswith("made sin: cos 0 at test_mutants.py:") for m in found)
    assert not any("made ge" in m.name for m in found)
    assert equivalent > 0
    live = program_of(_product_bwd, (X, B), G)[0].jaxpr
    assert "sin" not in [e.primitive.name for e in live.eqns]


def test_no_two_mutants_are_alike():
    names = [m.name for m in mutants(rules.tanh, (X,), limit=1000).mutants]  # y_bar (1 + y) (1 - y)
    assert sum(name.startswith(("negated", "operands swapped")) for name in names) == 1


def test_the_limit_is_drawn_evenly_and_by_seed():
    names = lambda **options: [m.name for m in mutants(rules.tanh, (X,), **options).mutants]
    assert names(limit=5) == names(limit=5) != names(limit=5, seed=1)
    assert len({name.split(":")[0] for name in names(limit=8)}) == 8
    assert names(limit=0) == []
    with pytest.raises(ValueError, match="limit must be at least 0, got -1"):
        mutants(rules.tanh, (X,), limit=-1)
    assert mutants(jnp.sin, (X,)) == ((), 0)


def test_a_mutant_goes_wherever_the_rule_goes():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 3)))
    for mutant in mutants(rules.softmax, (X,), limit=5).mutants:
        bars = lambda x, y_bar, g=mutant.f: jax.vjp(g, x)[1](y_bar)[0]
        scanned = lambda x, g=mutant.f: jax.lax.scan(lambda c, x: (c, g(x)), 0, x)[1]
        one = jnp.stack([bars(a, a[::-1]) for a in x])
        for got in (
            jax.jit(jax.vmap(bars))(x, x[:, ::-1]),
            jax.jit(jax.grad(lambda x, scanned=scanned: jnp.vdot(scanned(x), jax.lax.stop_gradient(x[:, ::-1]))))(x),
        ):
            np.testing.assert_allclose(got, one, rtol=1e-9, atol=1e-12, err_msg=mutant.name)
        assert jax.eval_shape(jax.grad(lambda x, bars=bars: jnp.sum(bars(x, x))), x[0]).shape == (5, 3)
        assert jax.eval_shape(mutant.f, x.astype(jnp.bfloat16)).dtype == jnp.bfloat16


def _symbolic_bwd(x, y_bar):
    assert isinstance(y_bar[1], jax.custom_derivatives.SymbolicZero) or y_bar[1].dtype == jnp.float32
    return (2 * x * y_bar[0],)


def _two_rules(params, n, key, name):
    noise = jax.random.uniform(key, params["x"].shape, params["x"].dtype)
    h = jax.jit(rules.tanh)(params["x"] * n + noise)
    return {name: rules.leaky_relu(h, negative_slope=0.5), "count": n}


CALLS = {
    "two rules, a tree, an int, a key, a string, a keyword": (_two_rules, ({"x": X}, 2, jax.random.key(0), "y")),
    "None as an argument": (lambda x, w, b: rules.linear(x, w, b), (X, X, None)),
    "a rule under vmap": (jax.vmap(rules.tanh), (X,)),
    "a rule in a scan": (lambda x: jax.lax.scan(lambda c, x: (rules.tanh(c * x), c), x[0], x), (X,)),
    "a rule made at each call": (
        lambda x: rule(jnp.sin, lambda x: (jnp.sin(x), x), lambda x, g: (g * jnp.cos(x),))(x), (X,)),
    "symbolic zeros": (
        lambda x: rule(lambda x: (x * x, x), lambda x: ((x.value**2, x.value), x.value), _symbolic_bwd,
                       symbolic_zeros=True)(x)[0], (X,)),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_any_call_will_do(name):
    f, args = CALLS[name]
    found = mutants(f, args, limit=3).mutants
    assert len(found) == 3
    y, bars = _bars(f, args)
    after = [_bars(m.f, args) for m in found]
    assert all(_equal(a[0], y) for a in after)
    assert sum(not _equal(a[1], bars) for a in after) >= 2  # a fault may show at other inputs only


def test_each_rule_has_its_share():
    one, two = (rule(f, lambda x, f=f: (f(x), x), lambda x, g, f=f: (g * f(x),)) for f in (jnp.cosh, jnp.exp))
    names = [m.name for m in mutants(lambda x: one(two(x)), (X,), limit=1000).mutants]
    assert any(name.endswith("of cosh") for name in names)
    assert any(name.endswith("of exp") for name in names)


def test_without_rules_and_check_see_through_a_mutant():
    call = jax.custom_vjp.__call__
    g = with_fault(rules.tanh, "times 1.001", "cotangent", 0)
    assert _equal(_bars(without_rules(g), (X,)), _bars(without_rules(rules.tanh), (X,)))
    assert check(g, X, level="fast").status == "fail"
    assert jax.custom_vjp.__call__ is call
    assert set(FAULTS).isdisjoint(WHOLE)
