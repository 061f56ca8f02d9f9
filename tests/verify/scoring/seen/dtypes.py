"""Wrong rules whose fault is one of number formats."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, ones, rule, wrong, zeros
from tests.helpers.witness import gap, other_dtype, pullback

cases: list[Case] = []


def to(dtype):
    """A witness: cast to `dtype`, the cotangents are not of that dtype."""
    return lambda f, *args: other_dtype(f, *(a.astype(dtype) for a in args))


def worse_than_autodiff(change, factor: float = 20.0):
    """In the example's precision the rule's error against float64 is many times autodiff's."""

    def witness(f, *args):
        args = change(*args)
        doubles = tuple(a.astype(jnp.float64) for a in args)
        true = pullback(f.__wrapped__, doubles)
        return gap(pullback(f, args), true) > factor * gap(pullback(f.__wrapped__, args), true)

    return witness


@wrong(cases, "float32 cotangent for a bf16 argument", "S0", other_dtype)
def tanh_f32_cotangent():
    def fwd(x):
        y = jnp.tanh(x.astype(jnp.float32))
        return y.astype(x.dtype), y

    def bwd(y, y_bar):
        return (y_bar.astype(jnp.float32) * (1 - y * y),)

    return rule(jnp.tanh, fwd, bwd), (normal(4, 6, dtype=jnp.bfloat16),)


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
