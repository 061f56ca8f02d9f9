"""Forward mode through the rules: tangents are autodiff's, gradients the rules' own, through every transformation."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import funcnn as fn
from tests.helpers.case import rule
from tests.helpers.judge import assert_close

pytestmark = pytest.mark.slow

ROUNDING = 2e-15  # of the same formulas in another order
OTHERWISE = 1e-14  # of other formulas, through all layers


def normal(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


X = normal(5, 4)
BLOCK = fn.residual(fn.serial(fn.layer_norm(), fn.linear(6), fn.gelu))
MODEL = fn.serial(fn.linear(6), fn.repeat(BLOCK, 3), fn.tanh, fn.linear(3))  # repeat is a scan
PARAMS = MODEL.init(jax.random.key(0), X)
ALONG = jax.tree.map(lambda a: normal(*a.shape, seed=1), PARAMS)


def logits(params):
    return MODEL.apply(params, X)


def entropy(z):
    return fn.losses.softmax_cross_entropy(z, jnp.arange(5) % 3)


def loss(params):
    return entropy(logits(params))


def along(f):
    """f's value and its tangent, at the parameters that it is given."""
    return lambda params: jax.jvp(f, (params,), (ALONG,))


def gauss_newton(by):
    """The product of the Gauss–Newton matrix of the loss with a vector."""

    def product(params):
        z, z_dot = jax.jvp(by(logits), (params,), (ALONG,))
        z_bar = jax.jvp(jax.grad(by(entropy)), (z,), (z_dot,))[1]
        return jax.vjp(by(logits), params)[1](z_bar)

    return product


WAYS = {
    "jvp": lambda by: along(by(loss)),
    "jvp of jit": lambda by: along(jax.jit(by(loss))),
    "jvp of a function with jit": lambda by: along(by(jax.jit(loss))),
    "jvp of remat": lambda by: along(by(jax.checkpoint(loss))),
    "jvp of cond": lambda by: along(by(lambda p: lax.cond(True, loss, lambda p: 0.0 * loss(p), p))),
    "jvp of vmap": lambda by: along(by(lambda p: jax.vmap(lambda x: MODEL.apply(p, x))(X))),
    "vmap of jvp": lambda by: (
        lambda p: jax.vmap(lambda k: along(by(loss))(jax.tree.map(lambda a: k * a, p)))(normal(3))
    ),
    "linearize": lambda by: lambda p: jax.linearize(by(loss), p)[1](ALONG),
    "jacfwd": lambda by: lambda p: jax.jacfwd(lambda x: by(partial(MODEL.apply, p))(x))(X),
    "hessian": lambda by: lambda p: jax.hessian(lambda b: by(loss)((*p[:3], p[3] | {"b": b})))(p[3]["b"]),
    "jvp of grad": lambda by: along(jax.grad(by(loss))),
    "grad of jvp": lambda by: jax.grad(lambda p: along(by(loss))(p)[1]),
    "jvp of jvp": lambda by: along(lambda p: along(by(loss))(p)[1]),
    "jvp of jvp of grad": lambda by: along(along(jax.grad(by(loss)))),
    "Gauss–Newton": gauss_newton,
}


@pytest.mark.parametrize("way", WAYS)
def test_derivatives_through_the_rules_are_autodiffs(way):
    got, expected = (jax.jit(WAYS[way](by))(PARAMS) for by in (fn.forward, fn.verify.without_rules))
    assert_close(got, expected, OTHERWISE, way)


@pytest.mark.slow
def test_gradients_are_the_rules_own():
    for f in (loss, jax.jit(loss), jax.checkpoint(loss)):
        by_rules, got = (jax.jit(jax.value_and_grad(g))(PARAMS) for g in (f, fn.forward(f)))
        assert_close(got, by_rules, ROUNDING)


class Pair(NamedTuple):
    """A pytree with an integer inside."""

    a: jax.Array
    n: jax.Array


def of_many(power, pair, key, w, scale=2.0, skip=None):
    """Floats in a tree beside integers, a key, a number, None and a static power; two results, one of integers."""
    drawn = jax.random.normal(key, w.shape, w.dtype)
    return {"y": scale * (pair.a**power).sum() * w * drawn, "n": pair.n + 1}


def of_many_bwd(power, residuals, bars):
    pair, key, w, scale = residuals
    bar = bars["y"] * jax.random.normal(key, w.shape, w.dtype)
    a_bar = power * pair.a ** (power - 1) * scale * jnp.vdot(bar, w)
    w_bar = scale * (pair.a**power).sum() * bar
    return Pair(a_bar, None), None, w_bar, None, None


MANY = rule(
    of_many,
    lambda power, pair, key, w, scale, skip: (of_many(power, pair, key, w, scale), (pair, key, w, scale)),
    of_many_bwd,
    nondiff_argnums=(0,),
)


@pytest.mark.parametrize("call", [
    lambda pair, key, w: MANY(3, pair, key, w),
    lambda pair, key, w: MANY(3, pair, w=w, key=key, scale=0.5, skip=None),
    jax.jit(lambda pair, key, w: MANY(3, pair, key, w)),
])  # fmt: skip
def test_arguments_and_results_of_any_kind(call):
    primals = Pair(normal(3), jnp.arange(2)), jax.random.key(1), normal(4)
    zero = lambda a: np.zeros(a.shape, jax.dtypes.float0)
    tangents = Pair(normal(3, seed=1), zero(primals[0].n)), zero(primals[1]), normal(4, seed=2)
    got, expected = (jax.jvp(by(call), primals, tangents) for by in (fn.forward, fn.verify.without_rules))
    assert_close(got, expected, ROUNDING)
    assert got[1]["n"].dtype == jax.dtypes.float0
    bars = [jax.vjp(by(call), *primals)[1](got[0] | {"n": zero(got[0]["n"])}) for by in (fn.forward, lambda f: f)]
    assert_close(*([pair.a, w] for pair, _, w in bars), ROUNDING)


def test_an_argument_that_stands_still_costs_nothing():
    x, w = normal(3, 5), normal(5, 2)
    program = str(jax.make_jaxpr(lambda x, w: jax.jvp(lambda x: fn.forward(fn.rules.linear)(x, w), (x,), (x,)))(x, w))
    assert program.count("dot_general") == 2, program  # the value, and the tangent along x


def square_times(calling):
    """k x², whose backward pass calls another rule on its cotangent."""
    return rule(
        lambda x: calling(x) * x, lambda x: (calling(x) * x, x), lambda x, y_bar: (2 * calling(x * y_bar),)
    )  # fmt: skip


def test_rules_that_call_rules_keep_both():
    tripled = rule(lambda x: 3 * x, lambda x: (3 * x, None), lambda _, y_bar: (3 * y_bar,))
    f = fn.forward(lambda x: tripled(square_times(tripled)(x)))
    assert jax.jvp(f, (2.0,), (1.0,)) == (36.0, 36.0)
    assert jax.jvp(jax.grad(f), (2.0,), (1.0,)) == (36.0, 18.0)
    assert jax.jvp(lambda x: jax.jvp(f, (x,), (1.0,))[1], (2.0,), (1.0,)) == (36.0, 18.0)
    assert jax.grad(lambda x: jax.jvp(f, (x,), (1.0,))[1])(2.0) == 18.0


def test_a_rule_that_is_not_the_derivative_keeps_its_meaning():
    x = jnp.array([0.4, 1.6])
    assert jax.jacfwd(fn.forward(fn.straight_through))(x).tolist() == [[1, 0], [0, 1]]
    assert jax.jvp(fn.forward(lambda x: fn.gradient_reversal(x, 2.0)), (x,), (x,))[1].tolist() == (-2 * x).tolist()


def test_rules_for_forward_mode_stay_and_those_inside_are_met():
    @jax.custom_jvp
    def f(x):
        return fn.tanh(x)

    f.defjvp(lambda primals, tangents: (fn.tanh(*primals), 7 * fn.tanh(*primals) * tangents[0]))
    x = jnp.array(0.5)
    derivatives = jax.jvp(fn.forward(f), (x,), (x,))[1], jax.jit(jax.grad(jax.grad(fn.forward(f))))(x)
    assert_close(derivatives, (7 * jnp.tanh(x) * x, 7 * (1 - jnp.tanh(x) ** 2)), ROUNDING)


def test_a_rule_with_symbolic_zeros():
    def fwd(x, w):
        assert x.perturbed
        assert not w.perturbed
        return x.value * w.value, w.value

    f = jax.custom_vjp(lambda x, w: x * w)
    f.defvjp(fwd, lambda w, y_bar: (y_bar * w, None), symbolic_zeros=True)
    assert jax.jvp(lambda x: fn.forward(f)(x, 3.0), (2.0,), (1.0,)) == (6.0, 3.0)


@pytest.mark.skipif(not hasattr(jax.custom_vjp, "defvjp_with_accums"), reason="the newest JAX has these")
def test_rules_with_logs_and_accumulators():
    logging, adding = jax.custom_vjp(jnp.sin), jax.custom_vjp(jnp.sin)
    fwd = lambda x: (jnp.sin(x), x)
    logging.defvjp_with_logs(fwd, lambda x, y_bar: ((jnp.cos(x) * y_bar,), {"seen": y_bar}))
    adding.defvjp_with_accums(fwd, lambda x, y_bar, x_bar: x_bar.accum(jnp.cos(x) * y_bar))
    for f in (logging, adding):
        got = jax.jit(lambda x, f=f: jax.jvp(fn.forward(f), (x,), (x,)))(0.5)
        assert_close(got, (jnp.sin(0.5), 0.5 * jnp.cos(0.5)), ROUNDING)


def test_half_precision_is_rounded_once():
    x, w = normal(8, 1000), normal(1000, 8, seed=1)
    x, w = (a.astype(jnp.bfloat16) for a in (x, w))
    exact = x.astype(jnp.float32) @ w.astype(jnp.float32)
    y_dot = jax.jvp(lambda w: fn.forward(fn.rules.linear)(x, w), (w,), (w,))[1]
    assert y_dot.dtype == jnp.bfloat16
    assert_close(y_dot, exact.astype(jnp.bfloat16), 2**-8)


def test_stability_is_the_rules():
    x = jnp.array([800.0, -800.0])
    assert jax.jvp(fn.forward(fn.softplus), (x,), (jnp.ones(2),))[1].tolist() == [1, 0]
    assert jax.jacfwd(fn.forward(fn.safe_norm))(jnp.zeros(3)).tolist() == [0, 0, 0]


def test_across_devices():
    mesh = jax.make_mesh((4,), ("i",), axis_types=(AxisType.Auto,))
    norm, x = fn.batch_norm(axis_name="i"), normal(4, 5, 3)
    params = norm.init(jax.random.key(0), x[0])
    apply = lambda params, x: fn.tanh(norm.apply(params, x, training=True))
    on_a_mesh = jax.shard_map(
        lambda params, x: fn.forward(apply)(params, x[0])[None], mesh=mesh, in_specs=(P(), P("i")), out_specs=P("i")
    )
    along = (params, x), (jax.tree.map(lambda a: normal(*a.shape, seed=1), params), normal(4, 5, 3, seed=2))
    each = lambda by: jax.vmap(by(apply), (None, 0), axis_name="i")
    expected = jax.jvp(each(fn.verify.without_rules), *along)
    assert_close(jax.jvp(each(fn.forward), *along), expected, OTHERWISE)
    assert_close(jax.jit(partial(jax.jvp, on_a_mesh))(*along), expected, OTHERWISE)


def test_on_an_explicit_mesh():
    mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Explicit,))
    x, params = normal(8, 6), BLOCK.init(jax.random.key(0), normal(8, 6))
    run = lambda by, *args: jax.jit(lambda *args: jax.jvp(by(BLOCK.apply), args, args))(*args)
    expected = run(fn.verify.without_rules, params, x)
    with jax.set_mesh(mesh):
        params, x = jax.device_put(params, NamedSharding(mesh, P())), jax.device_put(x, NamedSharding(mesh, P("data")))
        got = run(fn.forward, params, x)
    assert_close(jax.device_get(got), jax.device_get(expected), OTHERWISE)


NO_TANGENT = {
    "a clip": lambda x, y_bar: (jnp.clip(x * y_bar, -1, 1),),
    "a product": lambda x, y_bar: (x * y_bar * y_bar,),
    "a guard on the cotangent": lambda x, y_bar: (jnp.where(y_bar == 0, 0.0, x * y_bar),),
    "a loop of unknown length": lambda x, y_bar: (lax.while_loop(lambda a: a < 9, lambda a: 2 * a, y_bar),),
}


@pytest.mark.parametrize("bwd", NO_TANGENT.values(), ids=NO_TANGENT)
def test_a_backward_pass_that_is_not_linear_is_named(bwd):
    def squared_half(x):
        return x * x / 2

    f = rule(squared_half, lambda x: (squared_half(x), x), bwd)
    line = bwd.__code__.co_firstlineno
    with pytest.raises(
        TypeError, match=rf"squared_half \(.*test_forward\.py:{line}\) has no forward mode: .* linear in the"
    ):
        jax.jvp(fn.forward(f), (1.0,), (1.0,))
    assert fn.forward(f)(2.0) == 2.0


def test_an_error_of_the_backward_pass_itself_is_not_taken_for_that():
    def bwd(x, y_bar):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        jax.jvp(fn.forward(rule(lambda x: 2 * x, lambda x: (2 * x, x), bwd)), (1.0,), (1.0,))
    with pytest.raises(TypeError, match="takes arguments by position only, got b by name"):
        fn.forward(rule(lambda x, *, b=1: x, lambda x: (x, None), lambda _, y_bar: (y_bar,)))(1.0, b=2)


def test_what_takes_rules_out_or_looks_at_them_meets_them_inside():
    x = jnp.array(0.5)
    wrong = rule(jnp.tanh, lambda x: (jnp.tanh(x), x), lambda x, y_bar: (5 * y_bar,))
    assert jax.jvp(fn.forward(wrong), (x,), (1.0,))[1] == 5
    assert_close(jax.jvp(fn.verify.without_rules(fn.forward(wrong)), (x,), (1.0,))[1], 1 - jnp.tanh(x) ** 2, ROUNDING)
    tangent = lambda x: jax.jvp(fn.forward(wrong), (x,), (1.0,))[1]
    assert fn.verify.without_rules(tangent)(x) != 5
    assert fn.verify.check(fn.forward(wrong), x, level="fast").status == "fail"
    assert fn.summary(fn.forward(fn.tanh), x).rows[0].rules == ("tanh",)
    assert fn.summary(lambda x: jax.jvp(fn.forward(fn.tanh), (x,), (x,))[1], x).rows[0].rules == ("tanh",)
    assert jax.jvp(fn.forward(fn.forward(fn.tanh)), (x,), (1.0,)) == jax.jvp(fn.forward(fn.tanh), (x,), (1.0,))
