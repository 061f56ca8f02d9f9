"""Wrong rules of attention and of rotary positions."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, rule, softmax, wrong
from tests.helpers.witness import differs, other_dtype, worse_than_autodiff

cases: list[Case] = []


def example():
    return normal(4, 6), normal(4, 6, seed=1), normal(4, 6, seed=2)


def through_softmax(p, p_bar):
    return p * (p_bar - jnp.sum(p * p_bar, axis=-1, keepdims=True))


@wrong(cases, "the keys' cotangent lacks the 1/√d", "S2", differs())
def attention_keys_unscaled():
    def weights(q, k):
        return softmax(q @ k.T / math.sqrt(q.shape[-1]))

    def f(q, k, v):
        return weights(q, k) @ v

    def bwd(residuals, y_bar):
        q, k, v = residuals
        p = weights(q, k)
        s_bar = through_softmax(p, y_bar @ v.T)
        return s_bar @ k / math.sqrt(q.shape[-1]), s_bar.T @ q, p.T @ y_bar

    return rule(f, lambda *args: (f(*args), args), bwd), example()


@wrong(cases, "mask not shifted: wrong with more keys than queries", "S9", differs(lambda q, k, v: (q[:2], k, v)))
def causal_attention_mask_not_shifted():
    """The last query sees all keys, as in decoding with a cache."""

    def weights(q, k, shift):
        seen = jnp.arange(len(q))[:, None] + shift >= jnp.arange(len(k))[None, :]
        return softmax(jnp.where(seen, q @ k.T, -1e30).astype(q.dtype))

    def f(q, k, v):
        return weights(q, k, len(k) - len(q)) @ v

    def bwd(residuals, y_bar):
        q, k, v = residuals
        p = weights(q, k, 0)
        s_bar = through_softmax(p, y_bar @ v.T)
        return s_bar @ k, s_bar.T @ q, p.T @ y_bar

    return rule(f, lambda *args: (f(*args), args), bwd), example()


@wrong(cases, "distances clipped in the forward pass only", "S9", differs(lambda s, table: (normal(12, 12), table)))
def relative_bias_clipped_forward_only():
    """Scores and a table of biases for distances from −4 to 4."""

    def distances(scores):
        return jnp.arange(scores.shape[0])[:, None] - jnp.arange(scores.shape[1])[None, :]

    def f(scores, table):
        return scores + table[jnp.clip(distances(scores), -4, 4) + 4]

    def bwd(_, y_bar):
        places = (distances(y_bar) + 4).reshape(-1)
        return y_bar, jax.ops.segment_sum(y_bar.reshape(-1), places, num_segments=9)

    return rule(f, lambda s, table: (f(s, table), None), bwd), (normal(4, 4), normal(9, seed=1))


def rotate(x, sign=1.0, dtype=None):
    """Halves of the features turned by the position times a frequency; the table may be rounded through `dtype`."""
    half = x.shape[-1] // 2
    angle = np.arange(x.shape[0])[:, None] * 100.0 ** (-np.arange(half) / half)
    tables = jnp.asarray(np.cos(angle), dtype or x.dtype), jnp.asarray(sign * np.sin(angle), dtype or x.dtype)
    cos, sin = (table.astype(x.dtype) for table in tables)
    a, b = x[:, :half], x[:, half:]
    return jnp.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


def plain_rotation(x):
    return rotate(x)


@wrong(cases, "the forward pass pairs halves, the backward pass neighbours", "S2", differs())
def rope_neighbours_when_backward():
    def bwd(_, y_bar):
        half = y_bar.shape[-1] // 2
        paired = y_bar.reshape(-1, half, 2).transpose(0, 2, 1).reshape(y_bar.shape)
        return (rotate(paired, -1.0).reshape(-1, 2, half).transpose(0, 2, 1).reshape(y_bar.shape),)

    return rule(plain_rotation, lambda x: (rotate(x), None), bwd), (normal(5, 6),)


@wrong(cases, "the backward pass's table is rounded to bf16", "S6", differs(tolerance=5e-4))
def rope_table_in_bf16():
    return rule(plain_rotation, lambda x: (rotate(x), None), lambda _, y_bar: (rotate(y_bar, -1.0, jnp.bfloat16),)), (
        normal(5, 6),
    )


@wrong(cases, "float32 cotangent for bf16 queries", "S0", other_dtype)
def rope_f32_cotangent():
    def f(x):
        return rotate(x.astype(jnp.float32)).astype(x.dtype)

    return rule(f, lambda x: (f(x), None), lambda _, y_bar: (rotate(y_bar.astype(jnp.float32), -1.0),)), (
        normal(5, 6, dtype=jnp.bfloat16),
    )


@wrong(
    cases,
    "scores in float16 are scaled after the product, which overflows",
    "S6",
    worse_than_autodiff(lambda q, k, v: (200 * q, 200 * k, v)),
)
def attention_f16_scaled_late():
    def wide(x):
        return x.astype(jnp.float32)

    def f(q, k, v):
        return (softmax(wide(q) @ wide(k).T / math.sqrt(q.shape[-1])) @ wide(v)).astype(q.dtype)

    def bwd(residuals, y_bar):
        q, k, v = residuals
        root = math.sqrt(q.shape[-1])
        p = softmax(wide(q @ k.T) / root)
        s_bar = through_softmax(p, wide(y_bar @ v.T)) / root
        bars = s_bar @ wide(k), s_bar.T @ wide(q), p.T @ wide(y_bar)
        return tuple(bar.astype(x.dtype) for bar, x in zip(bars, residuals, strict=True))

    args = tuple(x.astype(jnp.float16) for x in example())
    return rule(f, lambda *args: (f(*args), args), bwd), args


@wrong(cases, "the normaliser taken as a constant", "S2", differs())
def linear_attention_constant_normaliser():
    """Attention by positive features in place of a softmax; the features' own slopes are right."""

    def feature(x):
        return jax.nn.elu(x) + 1

    def parts(q, k, v):
        q, k = feature(q), feature(k)
        return q @ (k.T @ v), q @ jnp.sum(k, axis=0)

    def f(q, k, v):
        total, norm = parts(q, k, v)
        return total / norm[:, None]

    def bwd(residuals, y_bar):
        norm = parts(*residuals)[1]
        return jax.vjp(lambda *args: parts(*args)[0], *residuals)[1](y_bar / norm[:, None])

    return rule(f, lambda *args: (f(*args), args), bwd), example()


@wrong(cases, "padded keys masked in the forward pass only", "S3", differs(lambda q, k, v, n: (q, k, v, n - 2)))
def attention_lengths_forward_only():
    """Keys beyond a length are padding; the example has none."""

    def weights(q, k):
        return q @ k.T / math.sqrt(q.shape[-1])

    def f(q, k, v, length):
        seen = (jnp.arange(len(k)) < length)[None, :]
        return softmax(jnp.where(seen, weights(q, k), -1e30).astype(q.dtype)) @ v

    def bwd(residuals, y_bar):
        q, k, v = residuals
        p = softmax(weights(q, k))
        s_bar = through_softmax(p, y_bar @ v.T) / math.sqrt(q.shape[-1])
        return s_bar @ k, s_bar.T @ q, p.T @ y_bar, None

    return rule(f, lambda q, k, v, n: (f(q, k, v, n), (q, k, v)), bwd), (*example(), jnp.asarray(4))
