"""Wrong rules of trees, options, keys and memories."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, ones, pointwise, rule, uniform, wrong, zeros
from tests.helpers.witness import differs, gap, nonlinear, other_value, raises, stale

cases: list[Case] = []


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


def stale_after_first(f, x):
    """The second call's cotangent is the first one's."""
    jax.vjp(f, 2 * x)
    (got,) = jax.vjp(f, x)[1](jnp.ones_like(x))
    return gap([got], [jax.vjp(f.__wrapped__, x)[1](jnp.ones_like(x))[0]]) > 1e-3


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


@wrong(cases, "one cotangent too few, which JAX refuses", "S0", raises())
def affine_two_of_three():
    def f(x, scale, shift):
        return x * scale + shift

    def bwd(residuals, y_bar):
        x, scale = residuals
        return y_bar * scale, y_bar * x

    return rule(f, lambda x, scale, shift: (f(x, scale, shift), (x, scale)), bwd), (normal(5), ones(5), zeros(5))


@wrong(cases, "cotangent of the second output ignored", "S2", differs())
def polar_ignores_angle():
    def f(x, y):
        return {"radius": jnp.hypot(x, y), "angle": jnp.arctan2(y, x)}

    def bwd(residuals, bars):
        x, y = residuals
        r = jnp.hypot(x, y)
        return bars["radius"] * x / r, bars["radius"] * y / r

    return rule(f, lambda x, y: (f(x, y), (x, y)), bwd), (normal(5), normal(5, seed=1))


@wrong(cases, "outputs in another order when differentiated", "S0", other_value)
def min_max_swapped_when_differentiated():
    def f(x):
        return jnp.min(x), jnp.max(x)

    def bwd(x, bars):
        low, high = jnp.argmin(x), jnp.argmax(x)
        return (jnp.zeros_like(x).at[low].add(bars[1]).at[high].add(bars[0]),)

    return rule(f, lambda x: (f(x)[::-1], x), bwd), (normal(6),)


@wrong(
    cases,
    "no slope at all on the border between two brackets",
    "S5",
    differs(lambda x: (jnp.asarray([1.0, 2.0]),), tolerance=0.5),
)
def tax_of_open_brackets():
    """A rate for each bracket of an income; only what lies in the bracket pays it."""
    lower, upper, rates = np.asarray([0.0, 1.0, 2.0]), np.asarray([1.0, 2.0, np.inf]), np.asarray([0.1, 0.3, 0.5])

    def f(x):
        return sum(
            rate * jnp.clip(x - low, 0.0, high - low)
            for low, high, rate in zip(lower.tolist(), upper.tolist(), rates.tolist(), strict=True)
        )

    def slope(x):
        low, high = jnp.asarray(lower, x.dtype)[:, None], jnp.asarray(upper, x.dtype)[:, None]
        flat = x.reshape(1, -1)
        inside = (flat > low) & (flat < high)
        return (jnp.asarray(rates, x.dtype) @ inside.astype(x.dtype)).reshape(x.shape)

    return pointwise(f, slope), (uniform(8, high=3.0),)


@wrong(
    cases,
    "on a border nobody gets a gradient",
    "S5",
    differs(lambda x, low, high: (low, low, high), tolerance=0.4),
)
def clip_between_arrays():
    def f(x, low, high):
        return jnp.minimum(jnp.maximum(x, low), high)

    def bwd(residuals, y_bar):
        x, low, high = residuals

        def only(mask):
            return jnp.where(mask, y_bar, 0.0).astype(y_bar.dtype)

        return only((x > low) & (x < high)), only(x < low), only(x > high)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6), -0.5 * ones(6), 0.5 * ones(6))


@wrong(cases, "divides by all, masked or not", "S3", differs(lambda x, mask: (x, mask.at[0, 1].set(False))))
def masked_mean_over_all():
    """The mean of what is unmasked in each row; the example masks nothing."""

    def f(x, mask):
        count = jnp.maximum(jnp.sum(mask, axis=-1), 1).astype(x.dtype)
        return jnp.sum(x, axis=-1, where=mask) / count

    def bwd(mask, y_bar):
        share = (y_bar / mask.shape[-1])[:, None]
        return jnp.where(mask, share, 0.0).astype(y_bar.dtype), None

    return rule(f, lambda x, mask: (f(x, mask), mask), bwd), (normal(4, 5), jnp.ones((4, 5), bool))


class Affine(NamedTuple):
    """Parameters as a tree of two leaves."""

    scale: jax.Array
    shift: jax.Array


@wrong(cases, "a dict for a named tuple, which JAX refuses", "S0", raises())
def affine_dict_for_named_tuple():
    def f(params, x):
        return params.scale[None, :] * jnp.sin(x) + params.shift[None, :]

    def bwd(residuals, y_bar):
        params, x = residuals
        params_bar = {"scale": jnp.sum(y_bar * jnp.sin(x), axis=0), "shift": jnp.sum(y_bar, axis=0)}
        return params_bar, y_bar * params.scale[None, :] * jnp.cos(x)

    return rule(f, lambda params, x: (f(params, x), (params, x)), bwd), (Affine(ones(3), zeros(3)), normal(4, 3))


@wrong(cases, "a tape of residuals, popped in whatever order the backward passes come", "S0", stale)
def chirp_residuals_on_a_tape():
    tape = []

    def f(x):
        return jnp.sin(x * x)

    def fwd(x):
        tape.append(2 * x * jnp.cos(x * x))
        return f(x), None

    return rule(f, fwd, lambda _, y_bar: (y_bar * tape.pop(),)), (normal(6),)


@wrong(cases, "a leaf of the tree is missing among the cotangents, which JAX refuses", "S0", raises())
def affine_dict_without_bias():
    def f(params, x):
        return x @ params["weight"] + params["bias"][None, :]

    def bwd(residuals, y_bar):
        params, x = residuals
        return {"weight": x.T @ y_bar}, y_bar @ params["weight"].T

    return rule(f, lambda params, x: (f(params, x), (params, x)), bwd), (
        {"weight": normal(4, 3), "bias": zeros(3)},
        normal(5, 4, seed=1),
    )


@wrong(cases, "the state's two halves come back in the wrong order", "S2", differs())
def oscillator_halves_exchanged():
    """One leapfrog step of a pendulum: position and momentum in, the same out."""

    def f(position, momentum):
        momentum = momentum - 0.1 * jnp.sin(position)
        return position + 0.1 * momentum, momentum

    def bwd(position, bars):
        position_bar, momentum_bar = bars
        momentum_bar = momentum_bar + 0.1 * position_bar
        position_bar = position_bar - 0.1 * jnp.cos(position) * momentum_bar
        return momentum_bar, position_bar

    return rule(f, lambda p, m: (f(p, m), p), bwd), (normal(5), normal(5, seed=1))
