"""audit names the one wrong rule of a program, by file and line, through every transformation."""

import linecache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import funcnn as fn
from funcnn.verify import audit

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(8, 6)), jnp.float32)
Y = jnp.asarray(RNG.normal(size=(8, 2)), jnp.float32)


def tanh_with(backward):
    rule = jax.custom_vjp(jnp.tanh)
    rule.defvjp(lambda x: (jnp.tanh(x), jnp.tanh(x)), lambda y, y_bar: (backward(y, y_bar),))
    return rule


right = tanh_with(lambda y, y_bar: y_bar * (1 - y * y))
wrong = tanh_with(lambda y, y_bar: y_bar * (1 - y * y) * 1.001)


@jax.custom_vjp
def outer(x):
    """A rule whose bare function calls a rule."""
    return right(x) * jnp.float32(2)


outer.defvjp(lambda x: (right(x) * jnp.float32(2), jnp.tanh(x)), lambda y, y_bar: (2 * y_bar * (1 - y * y),))


@jax.custom_jvp
def cosine(x):
    return jnp.cos(x)


cosine.defjvp(lambda x, x_dot: (jnp.cos(*x), jnp.sin(*x) * x_dot[0]))  # the sign is missing

traced_before = jax.jit(lambda x: wrong(x))

PLACES = {
    "itself": lambda x: wrong(x),
    "jit": jax.jit(lambda x: wrong(x)),
    "jit traced before": traced_before,
    "scan": lambda x: lax.scan(lambda c, _: (wrong(c), None), x, None, length=3)[0],
    "cond": lambda x: lax.cond(x.sum() < 1e9, lambda x: wrong(x), lambda x: x, x),
    "remat": jax.checkpoint(lambda x: wrong(x)),
    "vmap": jax.vmap(lambda x: wrong(x)),
    "fori_loop": lambda x: lax.fori_loop(0, 2, lambda i, c: wrong(c), x),
    "custom_jvp": lambda x: cosine(x),
}


def program(x, place):
    """A rule or two in every kind of place, and the one under test among them."""
    x = outer(jax.jit(fn.silu)(x))
    x = place(x)
    x = lax.cond(x.sum() > -1e9, lambda x: fn.softplus(x), lambda x: x, x)
    x = lax.scan(lambda c, _: (fn.sigmoid(c), None), x, None, length=3)[0]
    return jnp.sum(jax.checkpoint(fn.gelu)(x))


def with_while(x):
    n = lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, fn.leaky_relu(c[1])), (0, jnp.float32(1.0)))[1]
    return jnp.sum(wrong(x) * n)


@pytest.mark.parametrize("place", PLACES)
def test_the_one_wrong_rule_is_named(place):
    traced_before(X)
    report = audit(program, X, PLACES[place])
    failed = [row for row in report.rows if row.status == "fail"]
    assert len(failed) == 1, str(report)
    assert failed[0].name == ("cosine" if place == "custom_jvp" else "tanh")
    assert failed[0].file == __file__
    assert str(failed[0]).startswith(f"{failed[0].name} {__file__}:{failed[0].line}")
    line = linecache.getline(__file__, failed[0].line)
    assert ("cosine(x)" if place == "custom_jvp" else "wrong(") in line
    assert not report.ok


def test_a_right_program_has_no_finding():
    report = audit(program, X, right)
    assert report.ok
    assert {row.name for row in report.rows} >= {"outer", "silu", "tanh", "softplus", "sigmoid", "gelu"}
    assert {row.status for row in report.rows} == {"pass"}
    assert next(row.calls for row in report.rows if row.name == "sigmoid") == 3
    assert next(row.residual_bytes for row in report.rows if row.name == "silu") == X.nbytes


def test_what_has_no_backward_pass_is_said():
    leaky_relu, tanh = audit(with_while, X).rows
    assert (leaky_relu.name, leaky_relu.status) == ("leaky_relu", "inconclusive")
    assert "while_loop" in leaky_relu.reason
    assert (tanh.name, tanh.status) == ("tanh", "fail")


def test_a_model_with_zeros_at_kinks_has_no_finding():
    model = fn.serial(
        fn.linear(6), fn.relu, fn.residual(fn.serial(fn.linear(6), lambda x: jax.nn.relu(x))), fn.linear(2)
    )
    params = jax.tree.map(jnp.zeros_like, model.init(jax.random.key(0), X))
    report = audit(lambda params: fn.losses.squared_error(model.apply(params, X), Y), params)
    assert report.ok, str(report)
    assert len(report.rows) >= 4


def test_nan_is_never_right():
    report = audit(lambda x: jnp.sum(tanh_with(lambda y, y_bar: y_bar * jnp.nan)(x)), X)
    assert not report.ok


def test_a_program_without_rules_says_so():
    assert audit(jnp.sum, X).rows == ()
    assert "no custom rule" in str(audit(jnp.sum, X))


def test_a_bad_call_says_what_to_pass():
    with pytest.raises(TypeError, match="f must be a function"):
        audit(3)
    with pytest.raises(TypeError, match="floating-point"):
        audit(lambda x: (fn.tanh(x), 3)[1], X)
