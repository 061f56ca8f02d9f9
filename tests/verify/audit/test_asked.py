"""audit asks of a rule what the program asks of it: guards, named axes, known numbers, loops that stop at a tolerance."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from funcnn.rules import batch_norm
from funcnn.verify import audit
from tests.helpers.case import rule

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(4, 3)), jnp.float32)
W = jnp.asarray(RNG.normal(size=(3, 3)) * 0.3, jnp.float32)
MASK = np.tril(np.ones((4, 3), np.float32))


def statuses(program, *args):
    return [row.status for row in audit(program, *args).rows]


@jax.custom_jvp
def guard(x):
    """The identity, which refuses to be differentiated."""
    return x


@guard.defjvp
def _(primals, tangents):
    raise RuntimeError("unexpected tangent")


def guarded_scale(factor):
    """A rule of one argument, which refuses to be differentiated by the other."""

    def fwd(x, mask):
        if mask.perturbed:
            raise RuntimeError("unexpected tangent")
        return jnp.tanh(x.value) * mask.value, (jnp.tanh(x.value), mask.value)

    bwd = lambda residuals, g: (g * (1 - residuals[0] ** 2) * residuals[1] * jnp.float32(factor), None)
    return rule(lambda x, mask: jnp.tanh(x) * mask, fwd, bwd, symbolic_zeros=True)


def filtered_scale(factor):
    @eqx.filter_custom_vjp
    def scale(x, mask, n):
        return jnp.tanh(x) * mask * jnp.float32(n)

    scale.def_fwd(lambda perturbed, x, mask, n: (scale.fn(x, mask, n), jnp.tanh(x)))
    scale.def_bwd(lambda y, g, perturbed, x, mask, n: g * (1 - y * y) * mask * jnp.float32(n * factor))
    return lambda x, mask: scale(x, mask, 2)


@pytest.mark.parametrize("make", [guarded_scale, filtered_scale])
def test_what_a_rule_refuses_to_differentiate_by_is_left_out(make):
    program = lambda rule: lambda w, x: jnp.sum(rule(x @ w, guard(jnp.abs(x))))
    right, wrong = (statuses(program(make(factor)), W, X) for factor in (1, 1.01))
    assert (right[0], right[-1]) == ("inconclusive", "pass")
    assert wrong[-1] == "fail"


def test_a_guard_that_the_gradient_comes_through_fails():
    (row,) = audit(lambda w, x: jnp.sum(guard(x @ w)), W, X).rows
    assert (row.status, row.reason) == ("fail", "jax.grad of the program raises RuntimeError: unexpected tangent")


def test_a_guard_behind_a_rule_on_data_is_left_out():
    tanh = rule(jnp.tanh, lambda x: (jnp.tanh(x),) * 2, lambda y, g: (g * (1 - y * y),))
    assert statuses(lambda w, x: jnp.sum(guard(tanh(x)) @ w), W, X) == ["pass", "inconclusive"]


def across(axis_name, factor):
    """Subtract the mean over an axis with a name."""
    bare = lambda x: x - lax.pmean(x, axis_name)
    bwd = lambda _, g: ((g - lax.pmean(g, axis_name)) * jnp.float32(factor),)
    return rule(bare, lambda x: (bare(x), None), bwd)


def test_an_axis_keeps_its_name_under_vmap():
    normalize = lambda y: jnp.tanh(batch_norm(y, jnp.full(3, 2, jnp.float32), None, 1e-5, "examples"))
    assert statuses(lambda w, x: jnp.sum(jax.vmap(normalize, axis_name="examples")(x @ w)), W, X) == ["pass"]
    program = lambda rule: lambda w, x: jnp.sum(jax.vmap(lambda y: jnp.tanh(rule(y)), axis_name="examples")(x @ w))
    wrong = jax.custom_jvp(lambda y: y - lax.pmean(y, "examples"))
    wrong.defjvp(lambda y, y_dot: (y[0] - lax.pmean(y[0], "examples"), y_dot[0]))
    assert statuses(program(wrong), W, X) == ["fail"]


@pytest.mark.parametrize("kind", ["vjp", "jvp"])
def test_a_mask_that_must_be_known_stays_a_numpy_array(kind):
    if kind == "vjp":
        masked = rule(lambda x, m: x * m, lambda x, m: (x * m, None), lambda m, _, g: (g * np.asarray(m),), (1,))
    else:
        masked = partial(jax.custom_jvp, nondiff_argnums=(1,))(lambda x, m: x * np.asarray(m))
        masked.defjvp(lambda m, x, x_dot: (x[0] * np.asarray(m), x_dot[0] * np.asarray(m)))
    assert statuses(lambda w, x, m: jnp.sum(masked(x @ w, m)), W, X, MASK) == ["pass"]
    assert statuses(lambda w, x: jnp.sum(masked(x @ w, MASK)), W, X) == ["pass"]


def fixed_point(tolerance, factor=1.0):
    """z = tanh(z·w + x), with the implicit function theorem."""

    def solve(w, x):
        far = lambda c: (jnp.max(jnp.abs(c[0] - c[1])) > tolerance) & (c[2] < 200)
        step = lambda c: (jnp.tanh(c[0] @ w + x), c[0], c[2] + 1)
        return lax.while_loop(far, step, step((jnp.zeros_like(x), x, 0)))[0]

    def bwd(residuals, g):
        w, x, z = residuals
        slope = 1 - jnp.tanh(z @ w + x) ** 2
        u = lax.fori_loop(0, 60, lambda i, u: g + (u * slope) @ w.T, g) * slope * jnp.float32(factor)
        return z.T @ u, u

    return rule(solve, lambda w, x: ((z := solve(w, x)), (w, x, z)), bwd)


@pytest.mark.slow
@pytest.mark.parametrize(("tolerance", "factor"), [(1e-3, 1.1), (1e-5, 1.01), (1e-6, 1.001)])
def test_an_implicit_rule_behind_a_loop_is_judged_to_the_loops_tolerance(tolerance, factor):
    assert statuses(lambda w: jnp.sum(jnp.sin(fixed_point(tolerance)(w, X))), W) == ["pass"]
    assert statuses(lambda w: jnp.sum(jnp.sin(fixed_point(tolerance, factor)(w, X))), W) == ["fail"]


@pytest.mark.parametrize("factor", [1, 1.06])
def test_a_bisection_is_judged_by_finite_differences(factor):
    def solve(x):
        low_enough = lambda c: jnp.max(c[1] - c[0]) > 1e-5
        halve = lambda c, m: (jnp.where(m**3 < x, m, c[0]), jnp.where(m**3 < x, c[1], m))
        low, high = lax.while_loop(low_enough, lambda c: halve(c, (c[0] + c[1]) / 2), (0 * x - 3, 0 * x + 3))
        return (low + high) / 2

    root = rule(solve, lambda x: ((y := solve(x)), y), lambda y, g: (g * jnp.float32(factor) / (3 * y * y),))
    assert statuses(lambda x: jnp.sum(jnp.sin(root(x))), X + 4) == ["pass" if factor == 1 else "fail"]
