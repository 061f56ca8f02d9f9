"""Wrong rules of functions of one number."""

import math

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, from_output, normal, pointwise, rule, uniform, wrong
from tests.helpers.witness import differs, other_value, second_order, second_order_at, stale

cases: list[Case] = []

SQRT_2 = math.sqrt(2)


def at(*values, dtype=jnp.float64):
    """A witness point that takes the place of the first argument."""
    return lambda _, *rest: (jnp.asarray(values, dtype), *rest)


def gelu(x):
    return 0.5 * x * (1 + jax.lax.erf(x / SQRT_2))


def gelu_tanh(x):
    return 0.5 * x * (1 + jnp.tanh(0.7978845608 * (x + 0.044715 * x**3)))


def gelu_slope(x):
    return 0.5 * (1 + jax.lax.erf(x / SQRT_2)) + x * jnp.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def gelu_tanh_slope(x):
    t = jnp.tanh(0.7978845608 * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * 0.7978845608 * (1 + 0.134145 * x * x)


def softplus(x):
    return jnp.logaddexp(x, 0.0)


@wrong(cases, "sign", "S2", differs())
def tanh_negated():
    return from_output(jnp.tanh, lambda y: y * y - 1), (normal(4, 6),)


@wrong(cases, "half", "S2", differs())
def sigmoid_halved():
    return from_output(jax.lax.logistic, lambda y: 0.5 * y * (1 - y)), (normal(4, 6),)


@wrong(cases, "an addend is missing", "S2", differs())
def silu_without_product_term():
    return pointwise(lambda x: x * jax.lax.logistic(x), jax.lax.logistic), (normal(4, 6),)


@wrong(cases, "derivative of the tanh form under the erf forward", "S2", differs(tolerance=1e-4))
def gelu_slope_of_tanh_form():
    return pointwise(gelu, gelu_tanh_slope), (normal(4, 6),)


@wrong(cases, "a constant differs by 5 % between the passes", "S2", differs())
def selu_other_alpha():
    def f(x):
        return 1.0507 * jnp.where(x > 0, x, 1.6733 * jnp.expm1(jnp.minimum(x, 0.0)))

    def slope(x):
        return 1.0507 * jnp.where(x > 0, 1.0, 1.7569 * jnp.exp(jnp.minimum(x, 0.0))).astype(x.dtype)

    return pointwise(f, slope), (normal(4, 6),)


@wrong(cases, "overflows to NaN at 90", "S3", differs(at(90.0, dtype=jnp.float32)))
def softplus_overflow():
    return pointwise(softplus, lambda x: jnp.exp(x) / (1 + jnp.exp(x))), (normal(4, 6),)


@wrong(cases, "ignores the flat part beyond |x| = 3", "S3", differs(at(-4.0, 0.5, 3.5)))
def hard_sigmoid_never_flat():
    return pointwise(lambda x: jnp.clip((x + 3) / 6, 0.0, 1.0), lambda x: jnp.full_like(x, 1 / 6)), (normal(4, 6),)


@wrong(cases, "zero beyond a threshold of 20", "S3", differs(at(1.0, 25.0)))
def softplus_flat_beyond_20():
    def f(x):
        return jnp.where(x > 20, x, jnp.log1p(jnp.exp(jnp.minimum(x, 20.0))))

    def slope(x):
        return jnp.where(x > 20, 0.0, jax.lax.logistic(x)).astype(x.dtype)

    return pointwise(f, slope), (normal(4, 6),)


@wrong(cases, "upper border ignored", "S3", differs(at(2.0, 7.0)))
def relu6_no_upper_border():
    return pointwise(lambda x: jnp.clip(x, 0.0, 6.0), lambda x: (x > 0).astype(x.dtype)), (normal(4, 6),)


@wrong(cases, "wrong only at large inputs", "S3", differs(at(2.0, 60.0)))
def cube_slope_capped():
    return pointwise(lambda x: x**3, lambda x: jnp.minimum(3 * x * x, 1e3)), (normal(4, 6),)


@wrong(cases, "wrong only for negative inputs", "S3", differs(at(-0.5, 0.5)))
def signed_square_of_pixels():
    """x |x|, tried on pixels between 0 and 1."""
    return pointwise(lambda x: x * jnp.abs(x), lambda x: 2 * x), (uniform(4, 6),)


@wrong(cases, "NaN at zero", "S3", differs(at(-1.0, 0.0, 1.0)))
def relu_by_division():
    return pointwise(lambda x: jnp.maximum(x, 0.0), lambda x: 0.5 * (1 + x / jnp.abs(x))), (normal(4, 6),)


@wrong(cases, "floor under a square root", "S3", differs(at(1e-10, 1.0)))
def sqrt_floored():
    return from_output(jnp.sqrt, lambda y: 0.5 / jnp.maximum(y, 1e-3)), (uniform(4, 6, low=0.5, high=1.5),)


@wrong(cases, "a factor that is one at the default parameter", "S3", differs())
def snake_frequency_at_one():
    """x + sin²(a x)/a with a = 1 by default: a_bar lacks its powers of a."""

    def f(x, a):
        return x + jnp.sin(a * x) ** 2 / a

    def bwd(residuals, y_bar):
        x, a = residuals
        wave = jnp.sin(2 * a * x)
        return y_bar * (1 + wave), jnp.sum(y_bar * (x * wave - jnp.sin(a * x) ** 2))

    return rule(f, lambda x, a: (f(x, a), (x, a)), bwd), (normal(4, 6), jnp.float32(1.0))


@wrong(cases, "stop_gradient on a residual: second order wrong", "S8", second_order)
def tanh_residual_stopped():
    return from_output(jnp.tanh, lambda y: 1 - jax.lax.stop_gradient(y) ** 2), (normal(4, 6),)


@wrong(cases, "autodiff of fwd is wrong at its tie: second order wrong", "S8", second_order_at(at(0.0)))
def softplus_of_two_ties():
    def f(x):
        return jnp.maximum(x, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(x)))

    return from_output(f, lambda y: -jnp.expm1(-y)), (normal(4, 6),)


@wrong(cases, "a maximum with a tie in bwd: second order wrong", "S8", second_order_at(at(0.0, -90.0)))
def log_sum_exp_with_a_floor():
    def fwd(x):
        top = jax.lax.stop_gradient(jnp.max(x, -1, keepdims=True))
        total = jnp.sum(jnp.exp(x - top), -1, keepdims=True)
        return jnp.squeeze(top + jnp.log(total), -1), (x, top, total)

    def bwd(residuals, y_bar):
        x, top, total = residuals
        return (y_bar[..., None] * jnp.exp(x - top) / jnp.maximum(total, 1.0),)

    return rule(lambda x: fwd(x)[0], fwd, bwd), (normal(6, 5),)


@wrong(cases, "another value when differentiated", "S0", other_value)
def gelu_fwd_of_tanh_form():
    return rule(gelu, lambda x: (gelu_tanh(x), x), lambda x, y_bar: (y_bar * gelu_slope(x),)), (normal(4, 6),)


@wrong(cases, "residual kept in a global", "S0", stale)
def sigmoid_residual_in_global():
    saved = {}

    def fwd(x):
        saved["y"] = jax.lax.logistic(x)
        return saved["y"], None

    def bwd(_, y_bar):
        return (y_bar * saved["y"] * (1 - saved["y"]),)

    return rule(jax.lax.logistic, fwd, bwd), (normal(4, 6),)


@wrong(cases, "backward rounded through bf16", "S6", differs(tolerance=1e-4))
def mish_through_bf16():
    def slope(x):
        t = jnp.tanh(softplus(x))
        return (t + x * (1 - t * t) * jax.lax.logistic(x)).astype(jnp.bfloat16).astype(x.dtype)

    return pointwise(lambda x: x * jnp.tanh(softplus(x)), slope), (normal(4, 6),)


@wrong(cases, "cotangents of the two halves swapped", "S2", differs())
def glu_halves_swapped():
    def f(x):
        a, b = jnp.split(x, 2, axis=-1)
        return a * jax.lax.logistic(b)

    def bwd(x, y_bar):
        a, b = jnp.split(x, 2, axis=-1)
        s = jax.lax.logistic(b)
        return (jnp.concatenate([y_bar * a * s * (1 - s), y_bar * s], axis=-1),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6),)
