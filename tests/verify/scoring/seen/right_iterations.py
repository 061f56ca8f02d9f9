"""Blind set A: right rules at kinks, in compact form, with keys, lengths and states, and rules inside rules."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, from_output, normal, pointwise, right, rule, zeros

from .right_linear_algebra import of_rank, wide

cases: list[Case] = []


def half_step(x):
    """1 where x is positive, and a half at zero."""
    return (0.5 * ((x > 0).astype(x.dtype) + (x >= 0).astype(x.dtype))).astype(x.dtype)


@right(cases, "S5")
def hinge_half_at_margin():
    return pointwise(lambda x: jnp.maximum(1 - x, 0.0), lambda x: -half_step(1 - x)), (
        jnp.asarray([-1.0, 0.0, 1.0, 2.0, 1.0], jnp.float32),
    )


@right(cases, "S5")
def hard_swish_mean_at_borders():
    """At −3 and 3 the mean of the slopes to either side."""

    def slope(x):
        inside = half_step(x + 3) - half_step(x - 3)
        return inside * (2 * jnp.clip(x, -3.0, 3.0) + 3) / 6 + half_step(x - 3)

    return pointwise(lambda x: x * jnp.clip((x + 3) / 6, 0.0, 1.0), slope), (
        jnp.asarray([-4.0, -3.0, 0.0, 3.0, 5.0], jnp.float32),
    )


@right(cases, "S5")
def hypotenuse_zero_at_origin():
    """Both cotangents are zero at the origin; elsewhere nothing is squared that might overflow."""

    def bwd(residuals, r_bar):
        x, y, r = residuals
        unit = jnp.where(r > 0, r, 1).astype(r.dtype)
        return r_bar * (x / unit), r_bar * (y / unit)

    def fwd(x, y):
        r = jnp.hypot(x, y)
        return r, (x, y, r)

    return rule(lambda x, y: jnp.hypot(x, y), fwd, bwd), (normal(6).at[2].set(0.0), normal(6, seed=1).at[2].set(0.0))


@right(cases, "S9")
def leaky_relu_packed_signs():
    """Saves one bit an entry."""

    def f(x):
        return jnp.where(x > 0, x, 0.125 * x)

    def bwd(bits, y_bar):
        positive = jnp.unpackbits(bits, count=y_bar.size).reshape(y_bar.shape).astype(bool)
        return (jnp.where(positive, y_bar, 0.125 * y_bar),)

    return rule(f, lambda x: (f(x), jnp.packbits((x > 0).reshape(-1))), bwd), (normal(3, 5),)


@right(cases, "S6")
def cross_entropy_gradient_in_forward():
    """Fused: the forward pass makes the gradient, and the backward pass only scales it."""

    def f(logits, ids):
        log_p = jax.nn.log_softmax(wide(logits), axis=-1)
        return -jnp.mean(jnp.take_along_axis(log_p, ids[..., None], axis=-1)).astype(logits.dtype)

    def fwd(logits, ids):
        p = jax.nn.softmax(wide(logits), axis=-1)
        hot = jax.nn.one_hot(ids, logits.shape[-1], dtype=p.dtype)
        return f(logits, ids), (p - hot) / ids.size

    def bwd(gradient, y_bar):
        return (wide(y_bar) * gradient).astype(y_bar.dtype), None

    return rule(f, fwd, bwd), (normal(4, 6, dtype=jnp.bfloat16), jnp.asarray([2, 0, 5, 2]))


@right(cases, "S6")
def linear_three_dtypes():
    """bf16 inputs and weights and a float32 bias; sums in float32, and each cotangent in its argument's dtype."""

    def product(a, b):
        return jnp.matmul(a, b, precision="highest")

    def f(x, weight, bias):
        of_rank(2, x, weight)
        return (product(wide(x), wide(weight)) + wide(bias)[None, :]).astype(x.dtype)

    def bwd(residuals, y_bar):
        bar = wide(y_bar)
        x, weight, bias = residuals
        bars = product(bar, wide(weight).T), product(wide(x).T, bar), jnp.sum(bar, axis=0)
        return tuple(b.astype(a.dtype) for b, a in zip(bars, (x, weight, bias), strict=True))

    return rule(f, lambda *args: (f(*args), args), bwd), (
        normal(5, 4, dtype=jnp.bfloat16),
        normal(4, 3, seed=1, dtype=jnp.bfloat16),
        zeros(3),
    )


@right(cases, "S7", truth=lambda gate, up: gate * jax.lax.logistic(gate) * up)
def swiglu_of_a_silu_rule():
    """Both passes call another rule, and its slope is a rule again."""
    sigmoid = from_output(jax.lax.logistic, lambda y: y * (1 - y))
    slope = lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))
    silu = pointwise(lambda x: x * sigmoid(x), slope)

    def bwd(residuals, y_bar):
        gate, up = residuals
        y, pull = jax.vjp(silu, gate)
        return *pull(y_bar * up), y_bar * y

    return rule(lambda gate, up: silu(gate) * up, lambda gate, up: (silu(gate) * up, (gate, up)), bwd), (
        normal(4, 6),
        normal(4, 6, seed=1),
    )


@right(cases, "S2")
def reversible_block():
    """Saves its outputs only and works its inputs out again from them."""

    def f(a, b):
        a = a + jnp.tanh(b)
        return a, b + jnp.sin(a)

    def fwd(a, b):
        y = f(a, b)
        return y, y

    def bwd(y, bars):
        (a, b), (a_bar, b_bar) = y, bars
        a_bar = a_bar + jnp.cos(a) * b_bar
        return a_bar, b_bar + (1 - jnp.tanh(b - jnp.sin(a)) ** 2) * a_bar

    return rule(f, fwd, bwd), (normal(5), normal(5, seed=1))


def unrolled(x):
    return jax.lax.scan(lambda y, _: (x + 0.5 * jnp.tanh(y), None), x, None, length=60)[0]


@right(cases, "S8", reference=unrolled)
def implicit_equation():
    """y = x + tanh(y)/2 by a while loop; the forward pass calls the rule itself, for the sake of second order."""

    def f(x):
        def improve(state):
            step, y = state
            return step + 1, x + 0.5 * jnp.tanh(y)

        return jax.lax.while_loop(lambda state: state[0] < 60, improve, (0, x))[1]

    def fwd(x):
        y = made(x)
        return y, y

    made = rule(f, fwd, lambda y, y_bar: (y_bar / (1 - 0.5 * (1 - jnp.tanh(y) ** 2)),))
    return made, (normal(6),)


@right(cases, "S3")
def mean_of_lengths():
    """[batch, time, features] to the mean of each sequence's first steps; an empty sequence is zero."""

    def share(x, lengths):
        of_rank(3, x)
        seen = jnp.arange(x.shape[1])[None, :] < lengths[:, None]
        count = jnp.clip(lengths, 1, x.shape[1])
        return seen[:, :, None].astype(x.dtype) / count[:, None, None].astype(x.dtype)

    def f(x, lengths):
        return jnp.sum(wide(x) * share(wide(x), lengths), axis=1).astype(x.dtype)

    def bwd(residuals, y_bar):
        x, lengths = residuals
        return (wide(y_bar)[:, None, :] * share(wide(x), lengths)).astype(x.dtype), None

    return rule(f, lambda x, n: (f(x, n), (x, n)), bwd), (normal(3, 4, 2), jnp.asarray([4, 0, 2]))


@right(cases, "S0")
def random_projection_from_key():
    """The matrix is drawn again from the key, so that nothing large is saved."""

    def matrix(key, x):
        return jax.random.rademacher(key, (x.shape[-1], 4), dtype=x.dtype) / 2

    def f(x, key):
        return x @ matrix(key, x)

    def bwd(residuals, y_bar):
        x, key = residuals
        return y_bar @ matrix(key, x).T, None

    return rule(f, lambda x, key: (f(x, key), (x, key)), bwd), (normal(3, 5), jax.random.key(3))


@right(cases, "S2", surrogate=True, truth=lambda x: x / (1 + jnp.abs(x)))
def spike_with_surrogate():
    """A neuron fires or not; its slope is declared to be that of a soft sign."""
    return pointwise(lambda x: (x > 0).astype(x.dtype), lambda x: (1 + jnp.abs(x)) ** -2), (normal(4, 6),)
