"""audit names the one wrong rule of a program, by file and line, through every transformation."""

import linecache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.extend.core import jaxpr_as_fun

import funcnn as fn
from funcnn.verify import audit
from tests.helpers.case import from_output, rule

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(8, 6)), jnp.float32)
Y = jnp.asarray(RNG.normal(size=(8, 2)), jnp.float32)


right = from_output(jnp.tanh, lambda y: 1 - y * y)
wrong = from_output(jnp.tanh, lambda y: (1 - y * y) * 1.001)


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_model_with_zeros_at_kinks_has_no_finding():
    model = fn.serial(
        fn.linear(6), fn.relu, fn.residual(fn.serial(fn.linear(6), lambda x: jax.nn.relu(x))), fn.linear(2)
    )
    params = jax.tree.map(jnp.zeros_like, model.init(jax.random.key(0), X))
    report = audit(lambda params: fn.losses.squared_error(model.apply(params, X), Y), params)
    assert report.ok, str(report)
    linear = [row for row in report.rows if row.name == "linear"]
    assert [row.path for row in linear] == ["0.w", "2.0.w", "3.w"]
    assert {row.file for row in linear} == {__file__}
    assert {Path(row.stack[0].rpartition(":")[0]).name for row in linear} == {"_linear.py"}
    assert {row.number for row in linear} == {0, 1, 2}  # two have the same stack, one is inside residual


IN_FORWARD = {
    "grad": lambda rule: fn.forward(rule),
    "jit": lambda rule: jax.jit(fn.forward(lambda x: jnp.sin(rule(x)))),
    "jvp": lambda rule: lambda x: jax.jvp(fn.forward(lambda x: rule(2 * x)), (x,), (x,))[1],
    "hessian": lambda rule: jax.hessian(fn.forward(lambda x: jnp.sum(rule(x) ** 2))),
}


@pytest.mark.parametrize("place", IN_FORWARD)
@pytest.mark.parametrize(("rule", "status"), [(right, "pass"), (wrong, "fail")])
def test_a_rule_in_forward_mode_is_judged(place, rule, status):
    report = audit(lambda x: jnp.sum(IN_FORWARD[place](rule)(x)), X[0])
    assert [row.status for row in report.rows] == [status]


def test_a_rule_out_of_its_own_value_is_judged_with_those_inside_taken_out():
    assert audit(lambda x: jnp.sum(outer(x)), X).ok
    names = [row.name for row in audit(lambda x: jnp.sum(outer_of_wrong(x)), X).rows if row.status == "fail"]
    assert names == ["tanh"]


def test_one_line_inside_a_rule_takes_all_sorts_of_arguments():
    inner = rule(lambda *xs: sum(xs), lambda *xs: (sum(xs), len(xs)), lambda n, g: (g,) * n)

    def outer_of(*n):
        bare = lambda x: sum(inner(*[x] * k) for k in n)
        return rule(bare, lambda x: (bare(x), None), lambda _, g: (g * sum(n),))

    report = audit(lambda x: jnp.sum(outer_of(1, 2, 3)(x)) + jnp.sum(outer_of(2)(x)), X)
    assert report.ok
    assert sorted(len(row.errors) for row in report.rows) == [1, 1, 1, 2, 3]


def test_the_program_is_one_rule():
    (row,) = audit(wrong, X).rows
    assert row.status == "fail"
    assert row.line > 0


def refuse(*args):
    raise NotImplementedError("not yet")


def on_host(x):
    return jax.pure_callback(np.tanh, jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="expand_dims")


def sines(x):
    return lax.while_loop(lambda c: c[0] < 2, lambda c: (c[0] + 1, jnp.sin(c[1])), (0, x))[1]


def bisect(x):
    halve = lambda i, c: (jnp.where(c[2] ** 3 < x, c[2], c[0]), jnp.where(c[2] ** 3 < x, c[1], c[2]), (c[0] + c[1]) / 2)
    return lax.fori_loop(0, 40, halve, (0 * x - 3, 0 * x + 3, 0 * x))[2]


sines_jvp = jax.custom_jvp(sines)
sines_jvp.defjvp(lambda p, t: (sines(*p), t[0] * jnp.cos(*p) * jnp.cos(jnp.sin(*p))))
power = rule(lambda x, n: x**n, lambda x, n: (x**n, x), lambda n, x, g: (g * n * x ** (n - 1),), (1,))
wrong_power = rule(lambda x, n: x**n, lambda x, n: (x**n, x), lambda n, x, g: (g * x ** (n - 1),), (1,))
scaled = rule(lambda x, scale=2.0: x * scale, lambda x, scale: (x * scale, scale), lambda s, g: (g * s, None))
to_wide = rule(jnp.tanh, lambda x: (jnp.tanh(x), x), lambda x, g: ((g / jnp.cosh(x) ** 2).astype(jnp.float64),))
square = rule(lambda z: z * z, lambda z: (z * z, z), lambda z, g: (2 * z * g,))
wrong_square = rule(lambda z: z * z, lambda z: (z * z, z), lambda z, g: (2 * jnp.conj(z) * g,))
tanh_on_host = rule(on_host, lambda x: (on_host(x), x), lambda x, g: (g / jnp.cosh(x) ** 2,))
sines_vjp = rule(sines, lambda x: (sines(x), x), lambda x, g: (g * jnp.cos(x) * jnp.cos(jnp.sin(x)),))
wrong_sines_vjp = rule(sines, lambda x: (sines(x), x), lambda x, g: (g * jnp.cos(x) * jnp.cos(x),))
refusing = rule(jnp.sin, lambda x: (jnp.sin(x), x), refuse)
broken = rule(jnp.sin, lambda x: (jnp.sin(x), x), lambda x, g: (g, g))
cube_root = rule(bisect, lambda x: (r := bisect(x), r), lambda r, g: (g / (3 * r * r),))
perturbed = rule(jnp.sin, lambda x: (jnp.sin(x.value), x.value), lambda x, g: (g * jnp.cos(x),), symbolic_zeros=True)
kept = rule(jnp.sin, lambda x: (jnp.sin(x), x), lambda x, g: (g * jnp.cos(x),), optimize_remat=True)
hidden = rule(lambda x: 1 + lax.stop_gradient(x), lambda x: (1 + x, None), lambda _, g: (g,))
safe = rule(lambda x: jnp.where(x > 0, x * jnp.log(x), 0), lambda x: (jnp.where(x > 0, x * jnp.log(x), 0), x),
               lambda x, g: (g * jnp.where(x > 0, 1 + jnp.log(x), 0),))  # fmt: skip
value_off = rule(jnp.sin, lambda x: (jnp.sin(x) * jnp.float32(1.01), x), lambda x, g: (g * jnp.cos(x),))
outer_of_wrong = rule(lambda x: wrong(x), lambda x: (jnp.tanh(x), x), lambda x, g: (g * (1 - jnp.tanh(x) ** 2),))
traced = jax.make_jaxpr(right)(X)

# The rule, how it is called, its status, and a word of the reason. Each stands before a right rule, still judged.
SPECIAL = {
    "a callback": (tanh_on_host, "inconclusive", "no autodiff"),
    "a while loop": (sines_vjp, "pass", ""),
    "a while loop, wrong": (wrong_sines_vjp, "fail", "wrong elements in args[0]"),
    "a while loop, by tangents": (sines_jvp, "pass", ""),
    "a refusal": (refusing, "inconclusive", "not yet"),
    "an error": (broken, "fail", "Custom VJP bwd rule"),
    "another dtype": (to_wide, "fail", "float64, its argument float32"),
    "nondiff_argnums": (lambda x: power(x, 3), "pass", ""),
    "nondiff_argnums, wrong": (lambda x: wrong_power(x, 3), "fail", "wrong elements in args[0]"),
    "keywords": (lambda x: scaled(scale=jnp.float32(3), x=x), "pass", "None for args[1]"),
    "a default": (lambda x: scaled(x), "pass", ""),
    "complex numbers": (lambda x: square(lax.complex(x, x / 2)).real, "pass", ""),
    "complex numbers, wrong": (lambda x: wrong_square(lax.complex(x, x / 2)).real, "fail", "wrong elements"),
    "symbolic zeros": (perturbed, "pass", ""),
    "optimize_remat": (jax.checkpoint(lambda x: kept(x)), "pass", ""),
    "a slope that autodiff misses": (cube_root, "pass", "finite differences confirm"),
    "a slope that is stopped": (hidden, "pass", "finite differences confirm"),
    "a slope too small to see": (lambda x: hidden(x * 1e-9), "inconclusive", "too coarse to tell"),
    "a zero that autodiff misses": (lambda x: safe(jnp.maximum(x, 0)), "pass", ""),
    "another value": (value_off, "fail", "its value"),
    "no elements": (lambda x: right(x[:0]).sum() + x, "inconclusive", "nothing finite"),
    "behind stop_gradient": (lambda x: x + lax.stop_gradient(wrong(x)), "inconclusive", "no cotangent"),
    "no cotangent but zero": (lambda x: x + 0 * wrong(x), "fail", "wrong elements"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECIAL)
def test_what_is_special_is_judged_or_said_and_the_rest_is_judged(name):
    f, status, reason = SPECIAL[name]
    report = audit(lambda x: jnp.sum(right(f(x))), X)
    assert report.rows[-1].name == "tanh"
    assert report.rows[-1].status == "pass"
    assert report.rows[0].status == status
    assert reason in report.rows[0].reason, report.rows[0].reason
    assert report.ok == (status != "fail")


def test_arguments_of_every_kind_pass_through():
    def f(x, n, name, nothing, empty, key, ids, tree):
        assert (n, name, nothing) == (3, "tanh", None)
        noise = jax.random.normal(key, x.shape, x.dtype)
        return jnp.sum(right(x + noise)[ids]) + jnp.sum(right(empty)) + jnp.sum(tree["a"][0])

    args = (
        X,
        3,
        "tanh",
        None,
        jnp.zeros((0, 2), jnp.float32),
        jax.random.key(0),
        jnp.arange(2),
        {"a": (np.ones(3, np.float32),)},
    )
    assert [row.status for row in audit(f, *args).rows] == ["pass", "inconclusive"]


def test_none_for_a_parameter_is_wrong():
    report = audit(lambda params: jnp.sum(scaled(X, params["scale"])), {"scale": jnp.float32(2)})
    assert report.rows[0].path == "scale"
    assert report.rows[0].reason == "None for the parameter scale"
    assert report.status == "fail"


def test_a_rule_in_a_program_traced_before_is_said_to_be_unseen():
    report = audit(lambda x: jnp.sum(jaxpr_as_fun(traced)(x)[0]), X)
    assert (report.rows, report.unseen, report.status) == ((), 1, "inconclusive")
    assert "cannot be seen" in str(report)


def test_a_bad_call_says_what_to_pass():
    with pytest.raises(TypeError, match="f must be a function"):
        audit(3)
    with pytest.raises(TypeError, match="floating-point"):
        audit(lambda x: (fn.tanh(x), 3)[1], X)
    with pytest.raises(ZeroDivisionError):
        audit(lambda x: x / (1 // 0), X)
