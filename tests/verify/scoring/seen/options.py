"""Rules whose backward pass knows one value of an option alone: a number, a word, an argument that may be left out."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, right, rule, wrong
from tests.helpers.witness import doubled, gap

cases: list[Case] = []


def static(f, slope, option):
    """A rule of x and one option of Python; ``slope(option, x, y_bar)`` is its backward pass."""
    bwd = lambda option, x, y_bar: (slope(option, x, y_bar),)
    return rule(f, lambda x, option: (f(x, option), x), bwd, nondiff_argnums=(1,)), (normal(6), option)


def option_differs(*others):
    """With the last arguments replaced by others, rule and autodiff of its bare function part."""

    def witness(f, *args):
        floats, kept = doubled(args[:1]), args[1 : len(args) - len(others)]
        given = lambda g: lambda x: g(x, *doubled(kept), *others)
        bars = [jax.vjp(given(g), *floats)[1](jnp.ones_like(given(g)(*floats)))[0] for g in (f, f.__wrapped__)]
        return gap([bars[0]], [bars[1]]) > 1e-3

    return witness


def option_agrees(*others):
    """The same, and they agree."""
    return lambda *args: not option_differs(*others)(*args)


def leaky(x, slope):
    return jnp.where(x > 0, x, slope * x)


@wrong(cases, "0.01 written into the backward pass", "S3", option_differs(0.2))
def leaky_relu_of_one_slope():
    return static(leaky, lambda slope, x, g: g * jnp.where(x > 0, 1, 0.01).astype(x.dtype), 0.01)


@right(cases, "S3", option_agrees(0.2))
def leaky_relu_of_any_slope():
    return static(leaky, lambda slope, x, g: g * jnp.where(x > 0, 1, slope).astype(x.dtype), 0.01)


def smoothed(x, smoothing):
    log_p = jax.nn.log_softmax(x)
    return -(1 - smoothing) * log_p[0] - smoothing * jnp.mean(log_p)


@wrong(cases, "the smoothing forgotten, which is 0 in the example", "S3", option_differs(0.3))
def cross_entropy_smoothing_forgotten():
    return static(smoothed, lambda _, x, g: g * (jax.nn.softmax(x) - jnp.eye(x.size, dtype=x.dtype)[0]), 0.0)


@right(cases, "S3", option_agrees(0.3))
def cross_entropy_of_any_smoothing():
    def slope(smoothing, x, g):
        target = (1 - smoothing) * jnp.eye(x.size, dtype=x.dtype)[0] + smoothing / x.size
        return g * (jax.nn.softmax(x) - target)

    return static(smoothed, slope, 0.0)


def tempered(x, temperature):
    return jnp.tanh(x / temperature)


def tempered_rule(over):
    """The temperature is a number of Python, so that it is constant; ``over(g, t)`` is g / t."""

    def bwd(residuals, g):
        x, t = residuals
        slope = g * (1 - jnp.tanh(x / t) ** 2)
        return over(slope, t), -jnp.sum(slope * x / t**2).astype(t.dtype)

    return rule(tempered, lambda x, t: (tempered(x, t), (x, jnp.asarray(t, x.dtype))), bwd), (normal(4, 3), 1.0)


@wrong(cases, "right at temperature 1 alone", "S3", option_differs(2.0))
def tanh_of_one_temperature():
    return tempered_rule(lambda slope, _: slope)


@right(cases, "S3", option_agrees(2.0))
def tanh_of_any_temperature():
    return tempered_rule(lambda slope, t: slope / t)


def reduced(x, reduction):
    return jnp.mean(x**2) if reduction == "mean" else jnp.sum(x**2)


@wrong(cases, "divided by the size whatever the reduction", "S3", option_differs("sum"))
def squared_error_always_mean():
    return static(reduced, lambda reduction, x, g: 2 * x * g / x.size, "mean")


@right(cases, "S3", option_agrees("sum"))
def squared_error_of_both_reductions():
    return static(reduced, lambda reduction, x, g: 2 * x * g / (x.size if reduction == "mean" else 1), "mean")


def summed(x, backwards):
    return jnp.cumsum(x[::-1])[::-1] if backwards else jnp.cumsum(x)


@wrong(cases, "the direction forgotten", "S3", option_differs(True))
def cumsum_one_way():
    return static(summed, lambda backwards, _, g: jnp.cumsum(g[::-1])[::-1], False)


@right(cases, "S3", option_agrees(True))
def cumsum_both_ways():
    return static(summed, lambda backwards, _, g: summed(g, not backwards), False)


def softmax_along(x, axis):
    return jax.nn.softmax(x, axis=axis)


def softmax_rule(axis_of):
    def bwd(axis, y, g):
        return (y * (g - jnp.sum(y * g, axis=axis_of(axis), keepdims=True)),)

    def fwd(x, axis):
        y = softmax_along(x, axis)
        return y, y

    return rule(softmax_along, fwd, bwd, nondiff_argnums=(1,)), (normal(4, 5), -1)


@wrong(cases, "the last axis whatever the axis", "S3", lambda f, x, axis: other_axis(f, x))
def softmax_of_last_axis():
    return softmax_rule(lambda axis: -1)


@right(cases, "S3", lambda f, x, axis: not other_axis(f, x))
def softmax_of_any_axis():
    return softmax_rule(lambda axis: axis)


def other_axis(f, x):
    """Along the first axis, the rule is not autodiff."""
    bars = [jax.vjp(lambda x, g=g: g(x, 0), x)[1](normal(4, 5, seed=1))[0] for g in (f, f.__wrapped__)]
    return gap([bars[0]], [bars[1]]) > 1e-3


def gated(x, gate):
    return jnp.sin(x) * (1 if gate is None else jnp.tanh(gate))


def gated_rule(without):
    def bwd(residuals, g):
        x, gate = residuals
        if gate is None:
            return g * without(x), None
        return g * jnp.cos(x) * jnp.tanh(gate), g * jnp.sin(x) * (1 - jnp.tanh(gate) ** 2)

    return rule(gated, lambda *args: (gated(*args), args), bwd), (normal(4, 5), normal(4, 5, seed=1))


@wrong(cases, "wrong without the gate", "S3", option_differs(None))
def sine_without_gate_wrong():
    return gated_rule(jnp.ones_like)


@right(cases, "S3", option_agrees(None))
def sine_with_optional_gate():
    return gated_rule(jnp.cos)


def dense(x, weight, bias):
    y = x @ weight
    return y if bias is None else y + bias[None, :]


def dense_rule(bias_bar):
    def bwd(residuals, g):
        x, weight, bias = residuals
        return g @ weight.T, x.T @ g, None if bias is None else bias_bar(g)

    return rule(dense, lambda *args: (dense(*args), args), bwd), (normal(4, 5), normal(5, 3, seed=1), None)


def bias_bar_differs(f, x, weight, _):
    """With a bias, its cotangent is not autodiff's."""
    bias = jnp.ones(3, x.dtype)
    bars = [jax.vjp(lambda b, g=g: g(x, weight, b), bias)[1](jnp.ones((4, 3), x.dtype))[0] for g in (f, f.__wrapped__)]
    return gap([bars[0]], [bars[1]]) > 1e-3


@wrong(cases, "the bias's cotangent averaged, and no bias in the example", "S3", bias_bar_differs)
def dense_bias_averaged():
    return dense_rule(lambda g: jnp.mean(g, axis=0))


@right(cases, "S3", lambda *args: not bias_bar_differs(*args))
def dense_bias_summed():
    return dense_rule(lambda g: jnp.sum(g, axis=0))
