"""audit runs the program's own gradient too: what it raises, and the arguments that it comes through."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from funcnn.verify import audit
from tests.helpers.case import rule

pytestmark = pytest.mark.slow

X = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4)), jnp.float32)
PARAMS = {"w": jnp.full((4, 4), 0.3, jnp.float32), "s": jnp.float32(2)}


def jvp_of(f, jvp):
    rule = jax.custom_jvp(f)
    rule.defjvp(jvp)
    return rule


WAYS = {
    "as it is": lambda f: f,
    "jit": jax.jit,
    "remat": jax.checkpoint,
    "vmap": lambda f: lambda params, x: jnp.sum(jax.vmap(f, (None, 0))(params, x)),
    "scan": lambda f: lambda params, x: lax.scan(lambda c, x: (c + f(params, x), None), jnp.float32(0), x)[0],
}

# A rule that scales by s and closes over it, in one part or another.
CLOSING = {
    "bwd": lambda s: rule(jnp.sin, lambda x: (jnp.sin(x), x), lambda x, g: (g * jnp.cos(x) * s / s,)),
    "fwd": lambda s: rule(jnp.sin, lambda x: (jnp.sin(x) * s / s, x), lambda x, g: (g * jnp.cos(x),)),
    "all": lambda s: rule(lambda x: x * s, lambda x: (x * s, s), lambda s, g: (g * s,)),
    "jvp": lambda s: jvp_of(lambda x: x * s, lambda x, x_dot: (x[0] * s, x_dot[0] * s)),
}

tanh = rule(jnp.tanh, lambda x: (jnp.tanh(x),) * 2, lambda y, g: (g * (1 - y * y),))
sine_off = jvp_of(jnp.sin, lambda x, x_dot: (jnp.sin(*x) + jnp.float32(1), jnp.cos(*x) * x_dot[0]))
rank_off = rule(lambda x: (jnp.sin(x), jnp.argmax(x)), lambda x: ((jnp.sin(x), jnp.argmin(x)), x),
                   lambda x, g: (g[0] * jnp.cos(x),))  # fmt: skip
scaled = rule(lambda x, s: x * s, lambda x, s: (x * s, x), lambda x, g: (None, jnp.sum(g * x)))
of_pair = rule(lambda p: p["x"] * p["y"], lambda p: (p["x"] * p["y"], p), lambda p, g: ({"x": g * p["y"], "y": None},))
rounded = rule(lambda x, s: jnp.round(x) * s, lambda x, s: (jnp.round(x) * s, x),
                  lambda x, g: (None, jnp.sum(g * jnp.round(x))))  # fmt: skip


def statuses(program, params=PARAMS):
    return [(row.status, row.reason) for row in audit(program, params, X).rows]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part", CLOSING)
def test_a_rule_that_closes_over_a_traced_value_fails_as_the_gradient_does(part, way):
    program = WAYS[way](lambda params, x: jnp.sum(CLOSING[part](params["s"])(tanh(x @ params["w"]))))
    with pytest.raises(Exception, match=r"tracer|closed-over|constant handler|must produce"):
        jax.grad(program)(PARAMS, X)
    (closing,) = [reason for status, reason in statuses(program) if status == "fail"]
    assert "jax.grad of the program raises" in closing


def test_what_is_closed_over_and_not_differentiated_by_is_right():
    times = lambda x: rule(lambda w: x @ w, lambda w: (x @ w, None), lambda _, g: (x.T @ g,))
    assert statuses(lambda params, x: jnp.sum(times(x)(params["w"]))) == [("pass", "")]


def test_a_rule_that_needs_known_numbers_is_not_said_to_raise():
    """Its Python branch runs in jax.grad without jit."""
    branching = rule(jnp.sin, lambda x: (jnp.sin(x), x), lambda x, g: (g * jnp.cos(x) if (x < 9).all() else g,))
    ((status, reason),) = statuses(lambda params, x: jnp.sum(branching(params["w"])))
    assert (status, reason[:16]) == ("inconclusive", "the rule refuses")


@pytest.mark.parametrize("way", WAYS)
def test_a_custom_jvp_has_the_functions_value(way):
    ((status, reason),) = statuses(WAYS[way](lambda params, x: jnp.sum(sine_off(x @ params["w"]))))
    if way == "remat" and getattr(
        jax.config, "jax_remat3", False
    ):  # drops what is judged inside: undecided, not passed
        assert status == "inconclusive"
    else:
        assert (status, "its value" in reason) == ("fail", True)


def test_a_forward_pass_has_the_functions_integers():
    ((status, reason),) = statuses(lambda params, x: jnp.sum(rank_off(x + params["s"])[0]))
    assert status == "fail"
    assert "its value" in reason


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_none_for_what_comes_from_the_parameters_silences_them(way):
    rows = statuses(WAYS[way](lambda params, x: jnp.sum(scaled(tanh(x @ params["w"]), params["s"]))))
    assert rows == [("pass", ""), ("fail", "None for args[0], which silences what comes before it")]


def test_none_inside_an_argument_counts_alike():
    pair = lambda x, y: jnp.sum(of_pair({"x": x, "y": y}))
    assert statuses(lambda params, x: pair(params["w"][:3], x)) == [("pass", "None for args[0]['y']")]
    ((status, reason),) = statuses(lambda params, x: pair(x, params["w"][:3] * 2))
    assert (status, reason) == ("fail", "None for args[0]['y'], which silences what comes before it")


def test_none_is_right_where_nothing_comes_through():
    label = lambda params, x: jnp.sum(scaled(x, params["s"]))
    stopped = lambda params, x: jnp.sum(scaled(lax.stop_gradient(x @ params["w"]), params["s"]))
    flat = lambda params, x: jnp.sum(rounded(x @ params["w"], params["s"]))  # its slope is 0
    for program in (label, stopped, flat):
        assert statuses(program)[-1] == ("pass", "None for args[0]")
