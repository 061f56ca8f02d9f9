"""Held out: wrong rules of iterations and trees, of number formats, and under transformations."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, from_output, normal, pointwise, rule, uniform, wrong
from tests.helpers.witness import differs, gap, other_dtype, other_value, pullbacks, raises, smooth

from .determinism import differs_from_itself, wrong_by_differences, wrong_under_vmap
from .dtypes import worse_than_autodiff

cases: list[Case] = []


def differs_from(reference):
    """The rule's cotangents part from autodiff of `reference`."""
    return lambda f, *args: gap(*pullbacks([f, reference], smooth(args))) > 1e-3


def decay(x, a):
    """h_t = a h_{t-1} + x_t from h = 0."""

    def step(h, x_t):
        h = a * h + x_t
        return h, h

    return jax.lax.scan(step, jnp.zeros_like(a), x)[1]


def adjoint(a, y_bar):
    def step(h_bar, bar):
        h_bar = a * h_bar + bar
        return h_bar, h_bar

    return jax.lax.scan(step, jnp.zeros_like(a), y_bar, reverse=True)[1]


@wrong(cases, "shifted by one step", "S2", differs())
def decay_shifted():
    def bwd(residuals, y_bar):
        h, a = residuals
        x_bar = adjoint(a, y_bar)
        return x_bar, jnp.sum(x_bar * h)

    return rule(decay, lambda x, a: (decay(x, a), (decay(x, a), a)), bwd), (normal(8), jnp.float32(0.9))


@wrong(cases, "divides by vanishing powers: NaN for long sequences", "S10", differs(lambda x, a: (normal(3000), a)))
def decay_by_powers():
    def bwd(residuals, y_bar):
        h, a = residuals
        powers = a ** jnp.arange(len(h), dtype=h.dtype)
        x_bar = jnp.cumsum((y_bar * powers)[::-1])[::-1] / powers
        return x_bar, jnp.sum(x_bar[1:] * h[:-1])

    return rule(decay, lambda x, a: (decay(x, a), (decay(x, a), a)), bwd), (normal(8), jnp.float32(0.9))


@wrong(cases, "one step in place of the implicit function theorem", "S2", differs())
def fixed_point_one_step():
    """y = tanh(w y + x), iterated forty times."""

    def f(x, w):
        return jax.lax.fori_loop(0, 40, lambda _, y: jnp.tanh(w @ y + x), jnp.zeros_like(x))

    def bwd(y, y_bar):
        u_bar = y_bar * (1 - y * y)
        return u_bar, jnp.outer(u_bar, y)

    return rule(f, lambda x, w: (f(x, w), f(x, w)), bwd), (normal(3), 0.3 * uniform(3, 3))


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


@wrong(cases, "the float32 weight's cotangent passes through the input's bf16", "S6", differs(lambda x, w: (x, w)))
def mixed_matmul_weight_rounded():
    def f(x, weight):
        return jnp.matmul(x.astype(weight.dtype), weight, precision="highest")

    def bwd(residuals, y_bar):
        x, weight = residuals
        x_bar = jnp.matmul(y_bar, weight.T, precision="highest").astype(x.dtype)
        weight_bar = jnp.matmul(x.T.astype(weight.dtype), y_bar, precision="highest")
        return x_bar, weight_bar.astype(x.dtype).astype(weight.dtype)

    return rule(f, lambda x, w: (f(x, w), (x, w)), bwd), (normal(4, 6, dtype=jnp.bfloat16), normal(6, 3, seed=1))


@wrong(cases, "a batching rule that averages over the batch", "S7", wrong_under_vmap)
def softmax_batching_rule():
    def f(x):
        return jax.nn.softmax(x)

    @jax.custom_batching.custom_vmap
    def centre(y, y_bar):
        return y * (y_bar - jnp.sum(y * y_bar))

    @centre.def_vmap
    def _(_size, _batched, y, y_bar):
        return y * (y_bar - jnp.sum(y * y_bar) / len(y)), True

    return rule(f, lambda x: (f(x), f(x)), lambda y, y_bar: (centre(y, y_bar),)), (normal(6),)


@wrong(cases, "a power, where the value comes from a while loop and has no reverse mode", "S4", wrong_by_differences)
def cube_root_by_newton():
    def f(x):
        def far(state):
            step, y, before = state
            return (step < 60) & jnp.any(jnp.abs(y - before) > 1e-7 * y)

        def improve(state):
            step, y, _ = state
            return step + 1, (2 * y + x / (y * y)) / 3, y

        return jax.lax.while_loop(far, improve, (0, jnp.maximum(x, 1.0), jnp.zeros_like(x)))[1]

    return from_output(f, lambda y: 1 / (3 * y)), (uniform(6, low=0.5, high=4.0),)


@wrong(cases, "an integer cotangent for a float, which JAX lets pass", "S0", other_dtype)
def round_half_integer_cotangent():
    def f(x):
        return jnp.floor(x + 0.5)

    return rule(f, lambda x: (f(x), x), lambda x, _: (jnp.zeros(x.shape, jnp.int32),)), (normal(6),)


@wrong(cases, "a concrete value asked for in the forward pass: not under jit", "S7", raises(jax.jit))
def softmax_shift_by_float():
    def f(x):
        return jax.nn.softmax(x)

    def fwd(x):
        powers = jnp.exp(x - float(jnp.max(x)))
        y = powers / jnp.sum(powers)
        return y, y

    return rule(f, fwd, lambda y, y_bar: (y * (y_bar - jnp.sum(y * y_bar)),)), (normal(6),)


@wrong(cases, "a new random key at every call", "S11", differs_from_itself)
def stochastic_rounding_by_counter():
    """Rounds the cotangent at random, from a counter that nobody passes in."""
    count = iter(range(1 << 30))

    def bwd(_, y_bar):
        noise = jax.random.uniform(jax.random.key(next(count)), y_bar.shape, y_bar.dtype, -1e-3, 1e-3)
        return (3 * y_bar * (1 + noise),)

    return rule(lambda x: 3 * x, lambda x: (3 * x, None), bwd), (normal(6),)


@wrong(cases, "exponentials in float16 without a shift", "S6", worse_than_autodiff(lambda x: (x + 12,)))
def softmax_f16_unshifted():
    def f(x):
        return jax.nn.softmax(x.astype(jnp.float32)).astype(x.dtype)

    def bwd(x, y_bar):
        powers = jnp.exp(x)
        y = powers / jnp.sum(powers)
        return (y * (y_bar - jnp.sum(y * y_bar)),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(6, dtype=jnp.float16),)


@wrong(
    cases, "an argument shifted by one; the user hands in the reference", "S2", differs_from(jnp.log), reference=jnp.log
)
def log_by_callback():
    def f(x):
        return jax.pure_callback(
            lambda x: np.log(np.asarray(x)), jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="expand_dims"
        )

    return pointwise(f, lambda x: 1 / (1 + x)), (uniform(6, low=0.5, high=4.0),)
