"""Held out: wrong rules of functions of one number or two."""

import math

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, pointwise, rule, uniform, wrong
from tests.helpers.witness import differs, nonlinear, other_value, second_order, stale

cases: list[Case] = []


def at(*values, dtype=jnp.float64):
    """A witness point that takes the place of the first argument."""
    return lambda _, *rest: (jnp.asarray(values, dtype), *rest)


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


@wrong(cases, "the parameter's cotangent taken from the other side", "S2", differs())
def prelu_slope_of_positives():
    def f(x, slope):
        return jnp.where(x > 0, x, slope * x)

    def bwd(residuals, y_bar):
        x, slope = residuals
        negative = (x <= 0).astype(x.dtype)
        return y_bar * (1 - negative + slope * negative), jnp.sum(y_bar * x * (1 - negative))

    return rule(f, lambda x, slope: (f(x, slope), (x, slope)), bwd), (normal(4, 6), jnp.float32(0.25))


@wrong(cases, "a constant rounded to three figures in the backward pass", "S2", differs(tolerance=1e-4))
def sine_of_degrees_short_pi():
    return pointwise(
        lambda x: jnp.sin(x * (math.pi / 180)),
        lambda x: jnp.cos(x * (math.pi / 180)) * (3.14 / 180),
    ), (uniform(8, high=90.0),)


@wrong(cases, "overflows to NaN at −90", "S3", differs(at(-90.0, dtype=jnp.float32)))
def log_sigmoid_overflow():
    return pointwise(lambda x: -jnp.logaddexp(-x, 0.0), lambda x: jnp.exp(-x) / (1 + jnp.exp(-x))), (normal(4, 6),)


@wrong(cases, "wrong only near zero", "S3", differs(at(1e-3, 0.5)))
def sinc_guard_slope():
    """sin(x)/x, whose guard near zero gives the value's limit for the slope."""

    def safe(x):
        return jnp.where(jnp.abs(x) < 1e-2, 1.0, x).astype(x.dtype)

    def f(x):
        return jnp.where(jnp.abs(x) < 1e-2, 1 - x * x / 6, jnp.sin(safe(x)) / safe(x))

    def slope(x):
        z = safe(x)
        return jnp.where(jnp.abs(x) < 1e-2, 1.0, (jnp.cos(z) - jnp.sin(z) / z) / z).astype(x.dtype)

    return pointwise(f, slope), (normal(4, 6),)


@wrong(cases, "a factor that is one at the default exponent", "S3", differs(lambda x, p: (x, p + 1)))
def gamma_correction_forgets_exponent():
    """A pixel to the power of gamma."""

    def f(x, gamma):
        return x**gamma

    def bwd(residuals, y_bar):
        x, gamma = residuals
        return y_bar * x ** (gamma - 1), jnp.sum(y_bar * x**gamma * jnp.log(x))

    return rule(f, lambda x, gamma: (f(x, gamma), (x, gamma)), bwd), (uniform(4, 4, low=0.1), jnp.float32(1.0))


@wrong(cases, "second order wrong: the slope is held constant", "S8", second_order)
def arcsinh_slope_stopped():
    def slope(x):
        return jax.lax.stop_gradient(1 / jnp.sqrt(1 + x * x))

    return pointwise(lambda x: jnp.arcsinh(x), slope), (normal(4, 6),)


@wrong(cases, "sign of one argument's cotangent", "S2", differs())
def arctan2_sign():
    def bwd(residuals, z_bar):
        y, x = residuals
        return z_bar * x / (x * x + y * y), z_bar * y / (x * x + y * y)

    return rule(lambda y, x: jnp.arctan2(y, x), lambda y, x: (jnp.arctan2(y, x), (y, x)), bwd), (
        normal(6),
        normal(6, seed=1),
    )


@wrong(cases, "cotangent clipped by its norm", "S1", nonlinear(factor=100.0))
def cosine_clips_by_norm():
    def bwd(x, y_bar):
        norm = jnp.sqrt(jnp.sum(y_bar * y_bar))
        return (-jnp.sin(x) * y_bar * jnp.minimum(1.0, 50.0 / jnp.maximum(norm, 1e-6)).astype(x.dtype),)

    return rule(lambda x: jnp.cos(x), lambda x: (jnp.cos(x), x), bwd), (normal(4, 6),)


@wrong(cases, "cotangent rounded to three decimals", "S1", nonlinear(y_bar=0.1234567))
def cosh_rounds_cotangent():
    return rule(lambda x: jnp.cosh(x), lambda x: (jnp.cosh(x), x), lambda x, g: (jnp.round(g, 3) * jnp.sinh(x),)), (
        normal(4, 6),
    )


@wrong(cases, "value rounded through bf16 when differentiated", "S0", other_value)
def celu_rounded_when_differentiated():
    def f(x):
        return jnp.where(x > 0, x, jnp.expm1(jnp.minimum(x, 0.0)))

    def fwd(x):
        return f(x).astype(jnp.bfloat16).astype(x.dtype), x

    return rule(f, fwd, lambda x, y_bar: (y_bar * jnp.exp(jnp.minimum(x, 0.0)),)), (normal(4, 6),)


@wrong(cases, "residual kept by shape in a dict outside", "S0", stale)
def exponential_residual_by_shape():
    saved = {}

    def fwd(x):
        saved[x.shape] = jnp.exp(-x * x)
        return saved[x.shape], x

    def bwd(x, y_bar):
        return (-2 * y_bar * x * saved[x.shape],)

    return rule(lambda x: jnp.exp(-x * x), fwd, bwd), (normal(4, 6),)


@wrong(cases, "floor under a division", "S3", differs(at(1e-5, 0.5)))
def logit_floored():
    def slope(p):
        return 1 / jnp.maximum(p * (1 - p), 1e-3)

    return pointwise(lambda p: jnp.log(p) - jnp.log1p(-p), slope), (uniform(8, low=0.1, high=0.9),)
