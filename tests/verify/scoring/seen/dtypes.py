"""Wrong rules whose fault is one of number formats."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, ones, rule, wrong, zeros
from tests.helpers.witness import differs, other_dtype, worse_than_autodiff

cases: list[Case] = []


@wrong(cases, "float32 cotangent for a bf16 argument", "S0", other_dtype)
def tanh_f32_cotangent():
    def fwd(x):
        y = jnp.tanh(x.astype(jnp.float32))
        return y.astype(x.dtype), y

    def bwd(y, y_bar):
        return (y_bar.astype(jnp.float32) * (1 - y * y),)

    return rule(jnp.tanh, fwd, bwd), (normal(4, 6, dtype=jnp.bfloat16),)


def to(dtype):
    """A witness: cast to `dtype`, the cotangents are not of that dtype."""
    return lambda f, *args: other_dtype(f, *(a.astype(dtype) for a in args))


@wrong(cases, "float32 cotangent whatever the argument's dtype", "S6", to(jnp.bfloat16))
def log1p_always_f32():
    def f(x):
        return jnp.log1p(x * x)

    def bwd(x, y_bar):
        wide = x.astype(jnp.float32)
        return (y_bar.astype(jnp.float32) * 2 * wide / (1 + wide * wide),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6),)


@wrong(cases, "squares in float16 overflow from 256 on", "S6", worse_than_autodiff(lambda x: (x * 500,)))
def rms_norm_f16_squares():
    def f(x):
        wide = x.astype(jnp.float32)
        return (wide * jax.lax.rsqrt(jnp.mean(wide * wide, axis=-1, keepdims=True) + 1e-6)).astype(x.dtype)

    def bwd(x, y_bar):
        rstd = jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-6)
        y = x * rstd
        return (rstd * (y_bar - y * jnp.mean(y_bar * y, axis=-1, keepdims=True)),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6, dtype=jnp.float16),)


@wrong(cases, "cubes of a length in float16 overflow from 41 on", "S6", worse_than_autodiff(lambda x: (x * 60,)))
def inverse_length_f16():
    def f(x):
        wide = x.astype(jnp.float32)
        return jax.lax.rsqrt(1 + jnp.sum(wide * wide, axis=-1)).astype(x.dtype)

    def bwd(residuals, y_bar):
        x, y = residuals
        length = 1 / y
        return (-(y_bar / length**3)[:, None] * x,)

    return rule(f, lambda x: (f(x), (x, f(x))), bwd), (normal(5, 2, dtype=jnp.float16),)


@wrong(cases, "adds up in bf16", "S6", worse_than_autodiff(lambda x, b: (ones(2000, 6, dtype=x.dtype), b), 5.0))
def bias_added_up_in_bf16():
    def f(x, bias):
        return x + bias[None, :]

    def bwd(bias, y_bar):
        return y_bar, jax.lax.scan(lambda total, row: (total + row, None), jnp.zeros_like(bias), y_bar)[0]

    return rule(f, lambda x, bias: (f(x, bias), bias), bwd), (
        normal(8, 6, dtype=jnp.bfloat16),
        zeros(6, dtype=jnp.bfloat16),
    )


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


@wrong(cases, "an integer cotangent for a float, which JAX lets pass", "S0", other_dtype)
def round_half_integer_cotangent():
    def f(x):
        return jnp.floor(x + 0.5)

    return rule(f, lambda x: (f(x), x), lambda x, _: (jnp.zeros(x.shape, jnp.int32),)), (normal(6),)


@wrong(cases, "exponentials in float16 without a shift", "S6", worse_than_autodiff(lambda x: (x + 12,)))
def softmax_f16_unshifted():
    def f(x):
        return jax.nn.softmax(x.astype(jnp.float32)).astype(x.dtype)

    def bwd(x, y_bar):
        powers = jnp.exp(x)
        y = powers / jnp.sum(powers)
        return (y * (y_bar - jnp.sum(y * y_bar)),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(6, dtype=jnp.float16),)


def other_value_dtype(f, *args):
    """The dtype of fwd's value is not the one of f's."""
    return jax.vjp(f, *args)[0].dtype != f(*args).dtype


@wrong(cases, "a float32 value when differentiated, a bf16 one when not", "S0", other_value_dtype)
def lerp_f32_when_differentiated():
    """x + t (y − x), worked on in float32."""

    def wide(x, y, t):
        x, y, t = (a.astype(jnp.float32) for a in (x, y, t))
        return x + t * (y - x)

    def f(x, y, t):
        return wide(x, y, t).astype(x.dtype)

    def bwd(residuals, bar):
        x, y, t = residuals
        bar = bar.astype(x.dtype)
        return bar * (1 - t), bar * t, bar * (y - x)

    args = tuple(normal(6, seed=seed, dtype=jnp.bfloat16) for seed in range(3))
    return rule(f, lambda *args: (wide(*args), args), bwd), args
