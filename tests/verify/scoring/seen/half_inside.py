"""Functions of float32 that round to half precision on their way, as mixed precision does: rules wrong and right."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, need, normal, of_rank, right, rule, uniform, wrong
from tests.helpers.witness import differs, gap, pullback

cases: list[Case] = []

HALF = jnp.bfloat16
OFF = differs(tolerance=0.05)  # more than roundings to bfloat16


def to_half(a):
    """Rounded to bfloat16, in its own dtype."""
    return a.astype(HALF).astype(a.dtype)


def dense(weight_bar):
    """x @ w of rounded operands; `weight_bar(x, y_bar)` is the weight's cotangent."""

    def f(x, w):
        of_rank(2, x, w)
        need(x.shape[1] == w.shape[0])
        return jnp.matmul(to_half(x), to_half(w), precision="highest")

    def bwd(residuals, y_bar):
        x, w = residuals
        return jnp.matmul(y_bar, to_half(w).T, precision="highest"), weight_bar(x, y_bar).astype(w.dtype)

    return rule(f, lambda x, w: (f(x, w), (x, w)), bwd), (normal(8, 4), normal(4, 3, seed=1))


def product(x, y_bar):
    return jnp.matmul(to_half(x).T, y_bar, precision="highest")


@wrong(cases, "no gradient for a weight that is rounded to bf16", "S2", OFF)
def weight_bar_dropped_beside_half():
    return dense(lambda x, y_bar: jnp.zeros((x.shape[1], y_bar.shape[1]), x.dtype))


@wrong(cases, "twice the gradient of a weight that is rounded to bf16", "S2", OFF)
def weight_bar_twice_beside_half():
    return dense(lambda x, y_bar: 2 * product(x, y_bar))


@wrong(cases, "a fifth too much for a weight that is rounded to bf16", "S2", OFF)
def weight_bar_a_fifth_too_much():
    return dense(lambda x, y_bar: 1.2 * product(x, y_bar))


def with_many_rows(f, x, w):
    """The same with two thousand positive rows, and a cotangent of ones."""
    args = uniform(2000, x.shape[1], dtype=jnp.float64), w.astype(jnp.float64)
    y_bar = jnp.ones((2000, w.shape[1]), jnp.float64)
    return gap(pullback(f, args, y_bar), pullback(f.__wrapped__, args, y_bar)) > 0.2


@wrong(cases, "a weight's cotangent added up in bf16, whatever the operands' dtype", "S6", with_many_rows)
def weight_bar_added_up_in_half():
    def added_up(x, y_bar):
        products = to_half(x)[:, :, None] * y_bar[:, None, :]
        add = lambda total, row: (total + row.astype(HALF), None)
        return jax.lax.scan(add, jnp.zeros(products.shape[1:], HALF), products)[0]

    return dense(added_up)


@right(cases, "S2", tolerance=0.02)
def dense_of_rounded_operands():
    return dense(product)


@right(cases, "S2", tolerance=0.02)
def dense_of_operands_rounded_in_forward_only():
    return dense(lambda x, y_bar: jnp.matmul(x.T, y_bar, precision="highest"))


def gated(slope):
    """x · sigmoid(x), worked on in bfloat16."""

    def f(x):
        half = x.astype(HALF)
        return (half * jax.lax.logistic(half)).astype(x.dtype)

    return rule(f, lambda x: (f(x), x), lambda x, y_bar: (slope(jax.lax.logistic(x), x) * y_bar,)), (normal(4, 6),)


@wrong(cases, "a term of the product rule lost, beside a bf16 forward pass", "S2", OFF)
def gate_beside_half_without_its_slope():
    return gated(lambda gate, x: gate)


@right(cases, "S2", tolerance=0.02)
def gate_beside_half():
    return gated(lambda gate, x: gate * (1 + x * (1 - gate)))


def softmax(change):
    """Weights in float16 of float32 scores; `change` may spoil the cotangent."""

    def f(x):
        return jax.nn.softmax(x.astype(jnp.float16), axis=-1).astype(x.dtype)

    def bwd(x, y_bar):
        y, bar = jax.nn.softmax(x, axis=-1), change(y_bar)
        return (y * (bar - jnp.sum(y * bar, axis=-1, keepdims=True)),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6),)


@wrong(cases, "cotangents clipped, beside a float16 forward pass", "S1", OFF)
def softmax_beside_half_clips():
    return softmax(lambda y_bar: jnp.clip(y_bar, -1, 1))


@right(cases, "S2", tolerance=0.02)
def softmax_beside_half():
    return softmax(lambda y_bar: y_bar)
