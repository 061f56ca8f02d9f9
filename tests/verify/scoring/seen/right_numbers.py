"""Right rules whose numbers are rough: large, ill-conditioned, added up in another order or in another precision."""

import math

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, from_output, normal, of_rank, right, rule, uniform, wide, zeros
from tests.helpers.witness import doubled

cases: list[Case] = []


@right(cases, "S6", tolerance=1e-5)
def gelu_in_f32_inside():
    """Whatever comes is worked on in float32 and handed back in its own dtype."""

    def wide(x):
        return x.astype(jnp.float32)

    def f(x):
        return (0.5 * wide(x) * (1 + jax.lax.erf(wide(x) / math.sqrt(2)))).astype(x.dtype)

    def bwd(x, y_bar):
        z = wide(x)
        slope = 0.5 * (1 + jax.lax.erf(z / math.sqrt(2))) + z * jnp.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return ((wide(y_bar) * slope).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6, dtype=jnp.bfloat16),)


@right(cases, "S3")
def logsumexp_minus_infinity():
    """Masked entries are −inf and get zero; so does a row of nothing else."""

    def f(x):
        top = jnp.max(x, axis=-1, keepdims=True)
        top = jnp.where(jnp.isfinite(top), top, 0.0).astype(x.dtype)
        return (jnp.log(jnp.sum(jnp.exp(x - top), axis=-1, keepdims=True)) + top)[:, 0]

    def bwd(residuals, y_bar):
        x, y = residuals
        some = jnp.isfinite(y)[:, None]
        shifted = x - jnp.where(some, y[:, None], 0.0).astype(x.dtype)
        return (jnp.where(some, jnp.exp(shifted), 0.0).astype(x.dtype) * y_bar[:, None],)

    return rule(f, lambda x: (f(x), (x, f(x))), bwd), (normal(4, 6).at[:, 4:].set(-jnp.inf),)


@right(cases, "S3")
def normalise_from_output():
    """Saves y and one number a row, and never x."""

    def split(x):
        centred = x - jnp.mean(x, axis=-1, keepdims=True)
        rstd = jax.lax.rsqrt(jnp.mean(centred**2, axis=-1, keepdims=True) + 1e-5)
        return centred * rstd, rstd

    def fwd(x):
        y, rstd = split(x)
        return y, (y, rstd)

    def bwd(residuals, y_bar):
        y, rstd = residuals
        along = jnp.mean(y_bar * y, axis=-1, keepdims=True)
        return (rstd * (y_bar - jnp.mean(y_bar, axis=-1, keepdims=True) - y * along),)

    return rule(lambda x: split(x)[0], fwd, bwd), (normal(4, 6),)


@right(cases, "S0")
def logsumexp_blockwise():
    """A running log-sum-exp over blocks of four: other rounding than the plain one, the last block filled up."""

    def f(x):
        return jax.scipy.special.logsumexp(x)

    def fwd(x):
        blocks = jnp.pad(x, (0, -len(x) % 4), constant_values=-jnp.inf).reshape(-1, 4)

        def step(total, block):
            return jnp.logaddexp(total, jnp.logaddexp.reduce(block)), None

        y = jax.lax.scan(step, jnp.full((), -jnp.inf, x.dtype), blocks)[0]
        return y, (x, y)

    def bwd(residuals, y_bar):
        x, y = residuals
        return (y_bar * jnp.exp(x - y),)

    return rule(f, fwd, bwd), (normal(10),)


@right(cases, "S3")
def exp_from_output():
    return from_output(jnp.exp, lambda y: y), (normal(4, 6),)


@right(cases, "S3")
def reciprocal_near_zero():
    return from_output(lambda x: 1 / x, lambda y: -y * y), (uniform(8, low=-1e-3, high=1e-3),)


@right(cases, "S10")
def variance_long():
    """Four thousand numbers far from zero: round-off, and nothing else."""

    def f(x):
        return jnp.var(x)

    def fwd(x):
        parts = x.reshape(-1, 64)
        mean = jnp.mean(jnp.mean(parts, axis=1)) if x.size % 64 == 0 else jnp.mean(x)
        return f(x), x - mean

    return rule(f, fwd, lambda centred, y_bar: (2 * y_bar * centred / centred.size,)), (normal(64, 64) + 10,)


@right(cases, "S2", points=doubled, tolerance=1e-7)
def inverse_ill_conditioned():
    """The inverse of a Hilbert matrix of order five."""

    def f(a):
        return jnp.linalg.inv(a)

    def fwd(a):
        y = f(a)
        return y, y

    i = jnp.arange(5)
    hilbert = 1 / (i[:, None] + i[None, :] + 1).astype(jnp.float32)
    return rule(f, fwd, lambda y, y_bar: (-y.T @ y_bar @ y.T,)), (hilbert,)


@right(cases, "S1")
def matmul_rescaled_cotangent():
    """The cotangent is brought to size one before the product, and back after it."""

    def f(x, weight):
        return x @ weight

    def bwd(residuals, y_bar):
        x, weight = residuals
        top = jnp.max(jnp.abs(y_bar))
        size = jnp.where(top > 0, top, 1.0).astype(y_bar.dtype)
        unit = y_bar / size
        return unit @ weight.T * size, x.T @ unit * size

    return rule(f, lambda x, weight: (f(x, weight), (x, weight)), bwd), (normal(4, 5), normal(5, 3, seed=1))


@right(cases, "S6")
def linear_three_dtypes():
    """bf16 inputs and weights and a float32 bias; sums in float32, and each cotangent in its argument's dtype."""

    def product(a, b):
        return jnp.matmul(a, b, precision="highest")

    def f(x, weight, bias):
        of_rank(2, x, weight)
        return (product(wide(x), wide(weight)) + wide(bias)[None, :]).astype(x.dtype)

    def bwd(residuals, y_bar):
        bar = wide(y_bar)
        x, weight, bias = residuals
        bars = product(bar, wide(weight).T), product(wide(x).T, bar), jnp.sum(bar, axis=0)
        return tuple(b.astype(a.dtype) for b, a in zip(bars, (x, weight, bias), strict=True))

    return rule(f, lambda *args: (f(*args), args), bwd), (
        normal(5, 4, dtype=jnp.bfloat16),
        normal(4, 3, seed=1, dtype=jnp.bfloat16),
        zeros(3),
    )


@right(cases, "S6")
def softmax_f16_wide_inside():
    def f(x):
        return jax.nn.softmax(wide(x)).astype(x.dtype)

    def bwd(x, y_bar):
        y, bar = jax.nn.softmax(wide(x)), wide(y_bar)
        return ((y * (bar - jnp.sum(y * bar))).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(6, dtype=jnp.float16),)


@right(cases, "S6")
def mixed_matmul_two_dtypes():
    """A bf16 input and a float32 weight: each cotangent in its own argument's dtype."""

    def product(a, b):
        return jnp.matmul(a, b, precision="highest")

    def f(x, weight):
        return product(x.astype(weight.dtype), weight)

    def bwd(residuals, y_bar):
        x, weight = residuals
        return product(y_bar, weight.T).astype(x.dtype), product(x.astype(weight.dtype).T, y_bar)

    return rule(f, lambda x, w: (f(x, w), (x, w)), bwd), (normal(4, 6, dtype=jnp.bfloat16), normal(6, 3, seed=1))


@right(cases, "S3")
def softmax_entropy():
    """−p (log p + H) with log p from the logits: zero where p underflows."""

    def parts(x):
        z = wide(x) - jax.lax.stop_gradient(jnp.max(wide(x), axis=-1, keepdims=True))
        return jax.nn.softmax(z, axis=-1), jax.nn.log_softmax(z, axis=-1)

    def f(x):
        p, log_p = parts(x)
        return -jnp.sum(p * log_p, axis=-1).astype(x.dtype)

    def bwd(x, y_bar):
        p, log_p = parts(x)
        entropy = -jnp.sum(p * log_p, axis=-1, keepdims=True)
        return ((-wide(y_bar)[..., None] * p * (log_p + entropy)).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 5),)
