"""Wrong rules of other functions of one number or two."""

import math

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, from_output, normal, pointwise, rule, uniform, wrong
from tests.helpers.witness import at, differs, nonlinear, second_order, second_order_at, stale

cases: list[Case] = []


@wrong(cases, "wrong only at large inputs", "S3", differs(at(2.0, 60.0)))
def cube_slope_capped():
    return pointwise(lambda x: x**3, lambda x: jnp.minimum(3 * x * x, 1e3)), (normal(4, 6),)


@wrong(cases, "wrong only for negative inputs", "S3", differs(at(-0.5, 0.5)))
def signed_square_of_pixels():
    """x |x|, tried on pixels between 0 and 1."""
    return pointwise(lambda x: x * jnp.abs(x), lambda x: 2 * x), (uniform(4, 6),)


@wrong(cases, "floor under a square root", "S3", differs(at(1e-10, 1.0)))
def sqrt_floored():
    return from_output(jnp.sqrt, lambda y: 0.5 / jnp.maximum(y, 1e-3)), (uniform(4, 6, low=0.5, high=1.5),)


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


@wrong(cases, "0 · 0⁻¹: NaN at zero", "S3", differs(lambda x, c: (x.at[2].set(0.0), c)))
def polynomial_slope_by_powers():
    """A learnt cubic: x and its four coefficients."""

    def f(x, c):
        return ((c[3] * x + c[2]) * x + c[1]) * x + c[0]

    def bwd(residuals, y_bar):
        x, c = residuals
        k = jnp.arange(4).astype(x.dtype)
        powers = x[:, None] ** k[None, :]
        slopes = k[None, :] * x[:, None] ** (k - 1)[None, :]
        return y_bar * (slopes @ c), y_bar @ powers

    return rule(f, lambda x, c: (f(x, c), (x, c)), bwd), (normal(6), normal(4, seed=1))


@wrong(cases, "a constant rounded to three figures in the backward pass", "S2", differs(tolerance=1e-4))
def sine_of_degrees_short_pi():
    return pointwise(
        lambda x: jnp.sin(x * (math.pi / 180)),
        lambda x: jnp.cos(x * (math.pi / 180)) * (3.14 / 180),
    ), (uniform(8, high=90.0),)


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
