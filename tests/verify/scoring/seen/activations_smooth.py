"""Wrong rules of smooth activations."""

import math

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, from_output, normal, pointwise, rule, wrong
from tests.helpers.witness import (
    at,
    differs,
    nonlinear,
    other_value,
    second_order,
    second_order_at,
    stale,
    worse_than_autodiff,
)

cases: list[Case] = []


@wrong(cases, "sign", "S2", differs())
def tanh_negated():
    return from_output(jnp.tanh, lambda y: y * y - 1), (normal(4, 6),)


@wrong(cases, "half", "S2", differs())
def sigmoid_halved():
    return from_output(jax.lax.logistic, lambda y: 0.5 * y * (1 - y)), (normal(4, 6),)


@wrong(cases, "an addend is missing", "S2", differs())
def silu_without_product_term():
    return pointwise(lambda x: x * jax.lax.logistic(x), jax.lax.logistic), (normal(4, 6),)


SQRT_2 = math.sqrt(2)


def gelu(x):
    return 0.5 * x * (1 + jax.lax.erf(x / SQRT_2))


def gelu_tanh_slope(x):
    t = jnp.tanh(0.7978845608 * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * 0.7978845608 * (1 + 0.134145 * x * x)


@wrong(cases, "derivative of the tanh form under the erf forward", "S2", differs(tolerance=1e-4))
def gelu_slope_of_tanh_form():
    return pointwise(gelu, gelu_tanh_slope), (normal(4, 6),)


def gelu_slope(x):
    return 0.5 * (1 + jax.lax.erf(x / SQRT_2)) + x * jnp.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def gelu_tanh(x):
    return 0.5 * x * (1 + jnp.tanh(0.7978845608 * (x + 0.044715 * x**3)))


@wrong(cases, "another value when differentiated", "S0", other_value)
def gelu_fwd_of_tanh_form():
    return rule(gelu, lambda x: (gelu_tanh(x), x), lambda x, y_bar: (y_bar * gelu_slope(x),)), (normal(4, 6),)


@wrong(cases, "a constant differs by 5 % between the passes", "S2", differs())
def quick_gelu_other_constant():
    return pointwise(
        lambda x: x * jax.lax.logistic(1.702 * x),
        lambda x: jax.lax.logistic(1.702 * x) * (1 + 1.617 * x * jax.lax.logistic(-1.702 * x)),
    ), (normal(4, 6),)


def softplus(x):
    return jnp.logaddexp(x, 0.0)


@wrong(cases, "overflows to NaN at 90", "S3", differs(at(90.0, dtype=jnp.float32)))
def softplus_overflow():
    return pointwise(softplus, lambda x: jnp.exp(x) / (1 + jnp.exp(x))), (normal(4, 6),)


@wrong(cases, "zero beyond a threshold of 20", "S3", differs(at(1.0, 25.0)))
def softplus_flat_beyond_20():
    def f(x):
        return jnp.where(x > 20, x, jnp.log1p(jnp.exp(jnp.minimum(x, 20.0))))

    def slope(x):
        return jnp.where(x > 20, 0.0, jax.lax.logistic(x)).astype(x.dtype)

    return pointwise(f, slope), (normal(4, 6),)


@wrong(cases, "autodiff of fwd is wrong at its tie: second order wrong", "S8", second_order_at(at(0.0)))
def softplus_of_two_ties():
    def f(x):
        return jnp.maximum(x, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(x)))

    return from_output(f, lambda y: -jnp.expm1(-y)), (normal(4, 6),)


@wrong(cases, "overflows to NaN at −90", "S3", differs(at(-90.0, dtype=jnp.float32)))
def log_sigmoid_overflow():
    return pointwise(lambda x: -jnp.logaddexp(-x, 0.0), lambda x: jnp.exp(-x) / (1 + jnp.exp(-x))), (normal(4, 6),)


@wrong(cases, "the default of a parameter written into the backward pass", "S3", differs(lambda x, b: (x, b / 8)))
def squareplus_default_written_in():
    """(x + √(x² + b))/2 with b = 4 by default; b's own cotangent is right."""

    def f(x, b):
        return 0.5 * (x + jnp.sqrt(x * x + b))

    def bwd(residuals, y_bar):
        x, b = residuals
        return 0.5 * y_bar * (1 + x / jnp.sqrt(x * x + 4)), jnp.sum(0.25 * y_bar / jnp.sqrt(x * x + b))

    return rule(f, lambda x, b: (f(x, b), (x, b)), bwd), (normal(4, 6), jnp.float32(4.0))


@wrong(cases, "divides the output by the input: NaN at zero", "S3", differs(at(-1.0, 0.0, 2.0)))
def inverse_root_unit_by_ratio():
    """x/√(1 + x²), whose slope is (y/x)³."""

    def f(x):
        return x * jax.lax.rsqrt(1 + x * x)

    def fwd(x):
        return f(x), (x, f(x))

    return rule(f, fwd, lambda kept, y_bar: (y_bar * (kept[1] / kept[0]) ** 3,)), (normal(4, 6),)


@wrong(cases, "the argument is clamped in the forward pass only: NaN at 90", "S3", differs(at(90.0, dtype=jnp.float32)))
def tanh_exp_clamped_forward_only():
    """x tanh(eˣ)."""

    def slope(x):
        e = jnp.exp(x)
        t = jnp.tanh(e)
        return t + x * e * (1 - t * t)

    return pointwise(lambda x: x * jnp.tanh(jnp.exp(jnp.minimum(x, 20.0))), slope), (normal(4, 6),)


@wrong(cases, "squares in float16 overflow from 256 on", "S6", worse_than_autodiff(lambda x: (x * 500,)))
def bent_identity_f16_squares():
    """(√(x² + 1) − 1)/2 + x."""

    def f(x):
        wide = x.astype(jnp.float32)
        return (0.5 * (jnp.sqrt(wide * wide + 1) - 1) + wide).astype(x.dtype)

    return pointwise(f, lambda x: 0.5 * x / jnp.sqrt(x * x + 1) + 1), (normal(4, 6, dtype=jnp.float16),)


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


@wrong(cases, "a factor that is one at the default cap", "S3", differs(lambda x, cap: (x, 2 * cap)))
def softcap_forgets_cap():
    """cap · tanh(x / cap); the cap's own cotangent is right."""

    def f(x, cap):
        return cap * jnp.tanh(x / cap)

    def bwd(residuals, y_bar):
        x, cap = residuals
        t = jnp.tanh(x / cap)
        return y_bar * (1 - jnp.tanh(x) ** 2), jnp.sum(y_bar * (t - x / cap * (1 - t * t)))

    return rule(f, lambda x, cap: (f(x, cap), (x, cap)), bwd), (normal(4, 6), jnp.float32(1.0))


@wrong(cases, "cotangent brought to size one and never back", "S1", nonlinear())
def tanh_shrink_unit_cotangent():
    def bwd(x, y_bar):
        top = jnp.max(jnp.abs(y_bar))
        return (y_bar / jnp.maximum(top, 1e-6) * jnp.tanh(x) ** 2,)

    return rule(lambda x: x - jnp.tanh(x), lambda x: (x - jnp.tanh(x), x), bwd), (normal(4, 6),)


@wrong(cases, "stop_gradient on a residual: second order wrong", "S8", second_order)
def tanh_residual_stopped():
    return from_output(jnp.tanh, lambda y: 1 - jax.lax.stop_gradient(y) ** 2), (normal(4, 6),)


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


def silu_slope(x):
    s = jax.lax.logistic(x)
    return s * (1 + x * (1 - s))


@wrong(cases, "the gate's slope taken at the other branch", "S2", differs())
def swiglu_slope_at_other_branch():
    def f(gate, up):
        return gate * jax.lax.logistic(gate) * up

    def bwd(residuals, y_bar):
        gate, up = residuals
        return y_bar * up * silu_slope(up), y_bar * gate * jax.lax.logistic(gate)

    return rule(f, lambda gate, up: (f(gate, up), (gate, up)), bwd), (normal(4, 6), normal(4, 6, seed=1))
