"""Wrong rules with trees, keys and memories."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, wrong, zeros
from tests.helpers.witness import differs, gap, nonlinear

cases: list[Case] = []


def stale_after_first(f, x):
    """The second call's cotangent is the first one's."""
    jax.vjp(f, 2 * x)
    (got,) = jax.vjp(f, x)[1](jnp.ones_like(x))
    return gap([got], [jax.vjp(f.__wrapped__, x)[1](jnp.ones_like(x))[0]]) > 1e-3


@wrong(cases, "cotangents of two weights of one shape swapped in a dict", "S2", differs())
def mlp_weights_swapped():
    def f(params, x):
        return jnp.tanh(x @ params["inner"]) @ params["outer"]

    def bwd(residuals, y_bar):
        params, x = residuals
        h = jnp.tanh(x @ params["inner"])
        u_bar = y_bar @ params["outer"].T * (1 - h * h)
        return {"inner": h.T @ y_bar, "outer": x.T @ u_bar}, u_bar @ params["inner"].T

    params = {"inner": normal(4, 4), "outer": normal(4, 4, seed=1)}
    return rule(f, lambda params, x: (f(params, x), (params, x)), bwd), (params, normal(3, 4, seed=2))


@wrong(cases, "another mask than the forward pass", "S2", differs(lambda x, key: (x, key), tolerance=0.1))
def dropout_splits_key():
    def f(x, key):
        return jnp.where(jax.random.bernoulli(key, 0.8, x.shape), x / 0.8, 0.0).astype(x.dtype)

    def bwd(key, y_bar):
        return f(y_bar, jax.random.split(key)[0]), None

    return rule(f, lambda x, key: (f(x, key), key), bwd), (normal(8, 8), jax.random.key(0))


@wrong(cases, "the first call's residual kept for ever in a closure", "S0", stale_after_first)
def log_cosh_first_residual():
    first = []

    def fwd(x):
        if not first:
            first.append(jnp.tanh(x))
        return f(x), None

    def f(x):
        return jnp.logaddexp(x, -x)

    return rule(f, fwd, lambda _, y_bar: (y_bar * first[0],)), (normal(6),)


@wrong(cases, "one leaf of a tree of parameters gets no gradient", "S2", differs())
def affine_list_bias_zero():
    """A list of layers; the second one's bias gets zeros, which a sum of its cotangents may hide."""

    def f(layers, x):
        for weight, bias in layers:
            x = jnp.tanh(x @ weight + bias[None, :])
        return x

    def bwd(residuals, y_bar):
        layers_bar, x_bar = jax.vjp(f, *residuals)[1](y_bar)
        (weight, bias) = layers_bar[1]
        return [layers_bar[0], (weight, jnp.zeros_like(bias))], x_bar

    layers = [(normal(4, 4), zeros(4)), (normal(4, 4, seed=1), zeros(4))]
    return rule(f, lambda layers, x: (f(layers, x), (layers, x)), bwd), (layers, normal(3, 4, seed=2))


@wrong(cases, "sums the two outputs' cotangents as magnitudes", "S1", nonlinear(factor=-1.0))
def sine_cosine_magnitudes():
    def f(x):
        return jnp.sin(x), jnp.cos(x)

    def bwd(x, bars):
        return (jnp.abs(bars[0]) * jnp.cos(x) - jnp.abs(bars[1]) * jnp.sin(x),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(6),)
