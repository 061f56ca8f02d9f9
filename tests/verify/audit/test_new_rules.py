"""Rules as the newest JAX registers them, and rules that nothing sees: judged, or said to be unseen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import hijax
from jax.extend.core import jaxpr_as_fun

from funcnn.verify import audit, check, compare, without_rules

pytestmark = pytest.mark.slow

X = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)), jnp.float32)
FLAGS = bool(getattr(jax.config, "jax_custom_vjp3", False) and getattr(jax.config, "jax_remat3", False))
NEWEST = hasattr(hijax, "HiPrim")

forward = lambda x: (jnp.tanh(x), jnp.tanh(x))
again = lambda kept, x: (jnp.tanh(x), jnp.tanh(x))
without = lambda x: (jnp.tanh(x), None)


def slope(factor):
    return lambda y, g: (g * (1 - y * y) * jnp.asarray(factor, y.dtype),)


def plain(rule, factor):
    rule.defvjp(forward, slope(factor))


def logs(rule, factor):
    rule.defvjp_with_logs(forward, lambda y, g: (slope(factor)(y, g), {"cotangent": g}))


def accums(rule, factor):
    rule.defvjp_with_accums(forward, lambda y, g, x: x.accum(slope(factor)(y, g)[0]))


def remat_alone(rule, factor):
    rule.defremat(without, again, slope(factor))


def remat_logs(rule, factor):
    rule.defremat_with_logs(without, again, lambda y, g: (slope(factor)(y, g), {"cotangent": g}))


def remat_beside(rule, factor):
    rule.defvjp(forward, slope(1))
    rule.defremat(without, again, slope(factor))


def made(register, factor):
    rule = jax.custom_vjp(jnp.tanh)
    register(rule, factor)
    return rule


REGISTERED = [plain, logs, accums, remat_alone, remat_logs, remat_beside]
NEEDS_FLAGS = (remat_alone, remat_logs, remat_beside)


def primitive(factor, parts="vjp"):
    """A hijax primitive with the slope of tanh, by one interface or another."""

    class Tanh(hijax.HiPrim):
        def __init__(self, aval):
            self.in_avals, self.out_aval, self.params = (aval,), aval, {}
            super().__init__()

        def expand(self, x):
            return jnp.tanh(x)

        def batch(self, axis_data, args, dims):
            return Tanh(jax.typeof(*args))(*args), dims[0]

    def vjp_fwd(self, differentiated, x):
        return forward(x)

    def vjp_bwd(self, y, g, x):
        x.accum(slope(factor)(y, g)[0])

    def jvp(self, x, x_dot):
        return self(*x), slope(factor)(jnp.tanh(*x), *x_dot)[0]

    if parts == "vjp":
        Tanh.vjp_fwd, Tanh.vjp_bwd_retval = vjp_fwd, lambda self, y, g: slope(factor)(y, g)
    elif parts == "accums":
        Tanh.vjp_fwd, Tanh.vjp_bwd = vjp_fwd, vjp_bwd
    else:
        Tanh.jvp = jvp
        Tanh.lin, Tanh.linearized = hijax.linearize_from_jvp
        Tanh.vjp_fwd, Tanh.vjp_bwd_retval = hijax.vjp_from_jvp
    return lambda x: Tanh(jax.typeof(x))(x)


def verdicts(rule):
    """Of audit, of check, and of compare; with the rule under remat, which takes no hijax primitives without the flags."""
    loss = lambda x: jnp.sum(jnp.sin((jax.checkpoint(rule) if FLAGS else rule)(x)))
    row = audit(loss, X).rows[-1]
    return row.status, check(rule, X, level="fast").status, compare(loss, X).ok


@pytest.mark.skipif(not NEWEST, reason="JAX before 0.12")
@pytest.mark.slow
@pytest.mark.parametrize("register", REGISTERED)
def test_a_rule_is_judged_however_it_is_registered(register):
    if register in NEEDS_FLAGS and not FLAGS:
        pytest.skip("needs JAX_CUSTOM_VJP3=1 JAX_REMAT3=1")
    assert verdicts(made(register, 1)) == ("pass", "pass", True)
    assert verdicts(made(register, 1.01)) == ("fail", "fail", False)


@pytest.mark.skipif(not NEWEST, reason="JAX before 0.12")
@pytest.mark.slow
@pytest.mark.parametrize("parts", ["vjp", "accums", "jvp"])
def test_a_hijax_primitive_is_judged_as_a_rule(parts):
    right, wrong = primitive(1, parts), primitive(1.01, parts)
    assert verdicts(right) == ("pass", "pass", True)
    assert verdicts(wrong) == ("fail", "fail", False)
    assert "Tanh" not in str(jax.make_jaxpr(without_rules(wrong))(X))


@pytest.mark.parametrize(
    "make", [lambda: made(plain, 1.01), lambda: primitive(1.01)] if NEWEST else [lambda: made(plain, 1.01)]
)
def test_a_rule_in_a_program_traced_before_is_said_to_be_unseen_and_not_passed(make):
    traced = jaxpr_as_fun(jax.make_jaxpr(make())(X))
    report = audit(lambda x: jnp.sum(traced(made(plain, 1)(x))[0]), X)
    assert ([row.status for row in report.rows], report.unseen, report.status) == (["pass"], 1, "inconclusive")
    found = check(lambda x: traced(x)[0], X, level="fast")
    assert (found.status, "cannot be seen" in str(found)) == ("inconclusive", True)
    both = compare(lambda x: jnp.sum(traced(x)[0]), X)
    assert (both.unseen, both.ok, "cannot be seen" in str(both)) == (1, False, True)


def test_a_rule_that_jax_ships_is_not_counted():
    traced = jaxpr_as_fun(jax.make_jaxpr(jax.nn.relu)(X))
    report = audit(lambda x: jnp.sum(traced(made(plain, 1)(x))[0]), X)
    assert (report.unseen, report.status) == (0, "pass")
