"""Half precision that nobody asked for: what is wrong at the example's own scale, and what is no fault further out."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, right, rule, uniform, wide, wrong
from tests.helpers.witness import pullback, worse_than_autodiff

cases: list[Case] = []


def in_float16(x):
    return (x.astype(jnp.float16),)


def rms_norm(size):
    """x / rms(x), worked on in float32; the backward pass squares in x's own dtype."""

    def f(x):
        w = wide(x)
        return (w * jax.lax.rsqrt(jnp.mean(w * w, axis=-1, keepdims=True) + 1e-6)).astype(x.dtype)

    def bwd(x, y_bar):
        rstd = jax.lax.rsqrt(wide(jnp.sum(x * x, axis=-1, keepdims=True)) / x.shape[-1] + 1e-6)
        y, bar = wide(x) * rstd, wide(y_bar)
        return ((rstd * (bar - y * jnp.mean(bar * y, axis=-1, keepdims=True))).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (size * normal(4, 6),)


@wrong(cases, "squares overflow in float16 at the example itself", "S6", worse_than_autodiff(in_float16))
def rms_norm_squares_at_its_scale():
    return rms_norm(400.0)


@right(cases, "S6")
def rms_norm_squares_far_out():
    """At 30 times the example the squares overflow in float16, which nobody asked for."""
    return rms_norm(8.0)


def fourth_power(size):
    """x / (1 + (x / 4)⁴), worked on in float32; the backward pass takes the power in x's own dtype."""

    def f(x):
        w = wide(x)
        return (w / (1 + (w / 4) ** 4)).astype(x.dtype)

    def bwd(x, y_bar):
        power = wide((x / 4) ** 4)
        return (((1 - 3 * power) / (1 + power) ** 2 * wide(y_bar)).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (size * normal(4, 6),)


def not_finite(f, x):
    """In float16 the rule is not finite where autodiff is."""
    sides = (pullback(g, in_float16(x)) for g in (f, f.__wrapped__))
    return not np.isfinite(next(sides)[0]).all() and bool(np.isfinite(next(sides)[0]).all())


@wrong(cases, "fourth powers overflow in float16 at the example itself", "S6", not_finite)
def fourth_power_at_its_scale():
    return fourth_power(150.0)


@right(cases, "S6")
def fourth_power_far_out():
    return fourth_power(1.0)


def product_of_sums(size):
    """The sum over a row times its first element, over the row's length; the backward pass sums in x's own dtype."""

    def f(x):
        w = wide(x)
        return (w[:, 0] / 64 * jnp.sum(w, axis=1) / 1024).astype(x.dtype)

    def bwd(x, y_bar):
        bar = wide(y_bar)
        total = wide(jnp.einsum("ij->i", x * x.dtype.type(16)) / 16)
        x_bar = jnp.broadcast_to((bar * wide(x)[:, 0])[:, None], x.shape).at[:, 0].add(bar * total)
        return ((x_bar / 64 / 1024).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (size * (1 + 0.1 * normal(3, 8)),)


@wrong(cases, "sixteen times a number overflows in float16 at the example itself", "S6", not_finite)
def product_of_sums_at_its_scale():
    return product_of_sums(5e3)


@right(cases, "S6")
def product_of_sums_far_out():
    return product_of_sums(150.0)


MATRIX = np.random.default_rng(5).normal(size=(6, 3)).astype(np.float32)


@right(cases, "S0")
def projection_by_a_float32_constant():
    """For bfloat16 the function itself is float32, and so is the cotangent that comes and goes."""

    def f(x):
        x = wide(x)
        return jnp.matmul(x, jnp.asarray(MATRIX, x.dtype), precision="highest")

    def bwd(_, y_bar):
        return (jnp.matmul(y_bar, jnp.asarray(MATRIX.T, y_bar.dtype), precision="highest"),)

    return rule(f, lambda x: (f(x), None), bwd), (normal(4, 6),)


@right(cases, "S0")
def bfloat16_beside_float32():
    """x in bfloat16, a float32 scale: the product is float32, and so are both cotangents."""

    def f(x, scale):
        return x.astype(scale.dtype) * scale

    def bwd(residuals, y_bar):
        x, scale = residuals
        return y_bar * scale, y_bar * x.astype(scale.dtype)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6, dtype=jnp.bfloat16), normal(6, seed=1))


@right(cases, "S6")
def sine_of_single_and_double_alone():
    """Refuses half precision, and its report is none the worse."""

    def f(x):
        if x.dtype.itemsize < 4:
            raise RuntimeError("at least float32 is needed")
        return jnp.sin(x)

    return rule(f, lambda x: (f(x), x), lambda x, y_bar: (jnp.cos(x) * y_bar,)), (normal(4, 6),)


@right(cases, "S0")
def running_total_more_exact_when_differentiated():
    """The function adds up in bfloat16; fwd does in float32, which is another value, and a better one."""

    def total(x, dtype):
        return jax.lax.scan(lambda t, row: (t + row.astype(dtype), None), jnp.zeros((), dtype), x)[0].astype(x.dtype)

    def f(x):
        return total(x, x.dtype)

    def fwd(x):
        return total(x, wide(x).dtype), x

    return rule(f, fwd, lambda x, y_bar: (jnp.broadcast_to(y_bar, x.shape),)), (uniform(600, dtype=jnp.bfloat16),)
