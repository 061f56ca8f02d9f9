"""Blind set A: right rules of arrays that are easily taken for wrong ones."""

import math

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, right, rule

cases: list[Case] = []


def wide(x):
    """At least float32."""
    return x.astype(jnp.float32) if x.dtype.itemsize < 4 else x


def of_rank(rank: int, *arrays):
    """Refuses arrays of another rank, which broadcasting might let pass."""
    for array in arrays:
        if array.ndim != rank:
            raise ValueError(f"an array of shape {array.shape} came, one of {rank} axes was expected")


@right(cases, "S3")
def whiten_equal_eigenvalues():
    """x C^(−1/2) by eigenvalues, whose slopes are written so that two may be equal, where autodiff divides by zero."""

    def spectrum(x):
        of_rank(2, x)
        return jnp.linalg.eigh(x.T @ x / x.shape[0] + 0.1 * jnp.eye(x.shape[1], dtype=x.dtype))

    def root(values, vectors):
        return (vectors * jax.lax.rsqrt(values)[None, :]) @ vectors.T

    def f(x):
        return (wide(x) @ root(*spectrum(wide(x)))).astype(x.dtype)

    def bwd(x, y_bar):
        z, bar = wide(x), wide(y_bar)
        values, vectors = spectrum(z)
        roots = jnp.sqrt(values)
        slopes = -1 / (roots[:, None] * roots[None, :] * (roots[:, None] + roots[None, :]))
        inner = vectors @ (slopes * (vectors.T @ z.T @ bar @ vectors)) @ vectors.T
        z_bar = bar @ root(values, vectors) + z @ (inner + inner.T) / z.shape[0]
        return (z_bar.astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(8, 3),)


@right(cases, "S2")
def spectral_norm_by_pair():
    """The largest singular value; its slope is the outer product of its two vectors."""

    def f(a):
        return jnp.linalg.svd(wide(a), compute_uv=False)[..., 0].astype(a.dtype)

    def bwd(a, y_bar):
        u, _, vt = jnp.linalg.svd(wide(a), full_matrices=False)
        a_bar = wide(y_bar)[..., None, None] * u[..., :, :1] * vt[..., :1, :]
        return (a_bar.astype(a.dtype),)

    return rule(f, lambda a: (f(a), a), bwd), (normal(4, 3),)


@right(cases, "S2")
def chain_log_partition_by_marginals():
    """The log of a sum over all paths, by the forward algorithm; its slopes are the marginals, by forward-backward."""

    def ahead(unary, pair):
        of_rank(2, unary, pair)

        def step(alpha, u):
            alpha = jax.nn.logsumexp(alpha[:, None] + pair, axis=0) + u
            return alpha, alpha

        rest = jax.lax.scan(step, unary[0], unary[1:])[1]
        return jnp.concatenate([unary[:1], rest])

    def f(unary, pair):
        return jax.nn.logsumexp(ahead(wide(unary), wide(pair))[-1]).astype(unary.dtype)

    def bwd(residuals, y_bar):
        unary, pair = (wide(a) for a in residuals)

        def step(beta, u):
            beta = jax.nn.logsumexp(pair + (u + beta)[None, :], axis=1)
            return beta, beta

        last = jnp.zeros_like(unary[-1])
        rest = jax.lax.scan(step, last, unary[1:], reverse=True)[1]
        alpha, beta = ahead(unary, pair), jnp.concatenate([rest, last[None]])
        edges = alpha[:-1, :, None] + pair[None] + (unary + beta)[1:, None, :]
        bars = jax.nn.softmax(alpha + beta, axis=-1), jnp.sum(jax.nn.softmax(edges, axis=(1, 2)), axis=0)
        return tuple((wide(y_bar) * bar).astype(a.dtype) for bar, a in zip(bars, residuals, strict=True))

    return rule(f, lambda unary, pair: (f(unary, pair), (unary, pair)), bwd), (normal(5, 3), normal(3, 3, seed=1))


@right(cases, "S9")
def attention_by_blocks():
    """Saves its inputs only, and makes the weights again for three queries at a time, the last block filled up."""

    def weights(q, k):
        return jax.nn.softmax(q @ k.T / math.sqrt(q.shape[-1]), axis=-1)

    def f(q, k, v):
        of_rank(2, q, k, v)
        return (weights(wide(q), wide(k)) @ wide(v)).astype(q.dtype)

    def bwd(residuals, y_bar):
        q, k, v = (wide(a) for a in residuals)
        n = q.shape[0]
        blocks = [jnp.pad(a, ((0, -n % 3), (0, 0))).reshape(-1, 3, a.shape[1]) for a in (q, wide(y_bar))]

        def step(sums, block):
            q, bar = block
            p, p_bar = weights(q, k), bar @ v.T
            s_bar = p * (p_bar - jnp.sum(p * p_bar, axis=-1, keepdims=True)) / math.sqrt(q.shape[-1])
            return (sums[0] + s_bar.T @ q, sums[1] + p.T @ bar), s_bar @ k

        (k_bar, v_bar), q_bars = jax.lax.scan(step, (jnp.zeros_like(k), jnp.zeros_like(v)), blocks)
        bars = q_bars.reshape(-1, q.shape[1])[:n], k_bar, v_bar
        return tuple(bar.astype(a.dtype) for bar, a in zip(bars, residuals, strict=True))

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 6), normal(5, 6, seed=1), normal(5, 2, seed=2))


@right(cases, "S5")
def max_pool_2d_places_in_bytes():
    """Windows of two by two; a byte a window says which entry was the first largest."""

    def windows(x):
        height, width = (n // 2 for n in x.shape)
        return x.reshape(height, 2, width, 2).transpose(0, 2, 1, 3).reshape(height, width, 4)

    def f(x):
        return jnp.max(windows(x), axis=-1)

    def fwd(x):
        return f(x), jnp.argmax(windows(x), axis=-1).astype(jnp.uint8)

    def bwd(places, y_bar):
        height, width = places.shape
        hit = places[:, :, None] == jnp.arange(4, dtype=jnp.uint8)[None, None, :]
        spread = jnp.where(hit, y_bar[:, :, None], 0).astype(y_bar.dtype).reshape(height, width, 2, 2)
        return (spread.transpose(0, 2, 1, 3).reshape(2 * height, 2 * width),)

    return rule(f, fwd, bwd), (jnp.maximum(normal(4, 6), 0.0),)


@right(cases, "S10")
def log_cumulative_sum_exp():
    """Every quotient of exponentials is at most one, so that nothing overflows, however long."""

    def f(x):
        return jax.lax.cumlogsumexp(wide(x)).astype(x.dtype)

    def bwd(x, y_bar):
        z, bar = wide(x), wide(y_bar)
        y = jax.lax.cumlogsumexp(z)
        decay = jnp.concatenate([jnp.exp(y[:-1] - y[1:]), jnp.zeros_like(y[:1])])

        def step(later, at):
            bar, decay = at
            later = bar + decay * later
            return later, later

        later = jax.lax.scan(step, jnp.zeros_like(z[0]), (bar, decay), reverse=True)[1]
        return ((jnp.exp(z - y) * later).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(8),)


@right(cases, "S3")
def determinant_by_cofactors():
    """Of three by three: the cofactors are cross products, and a singular matrix is as good as any."""

    def f(a):
        if a.shape != (3, 3):
            raise ValueError(f"a matrix of shape {a.shape} came, one of (3, 3) was expected")
        first, second, third = wide(a)
        return jnp.sum(first * jnp.cross(second, third)).astype(a.dtype)

    def bwd(a, y_bar):
        first, second, third = wide(a)
        rows = jnp.cross(second, third), jnp.cross(third, first), jnp.cross(first, second)
        return ((wide(y_bar) * jnp.stack(rows)).astype(a.dtype),)

    return rule(f, lambda a: (f(a), a), bwd), (normal(3, 3),)


@right(cases, "S3")
def segment_mean_empty_segment():
    """The mean of the rows of each of four segments; an empty one is zero."""

    def counts(ids, dtype):
        return jnp.maximum(jax.ops.segment_sum(jnp.ones(ids.shape, dtype), ids, num_segments=4), 1)

    def f(x, ids):
        of_rank(2, x)
        sums = jax.ops.segment_sum(wide(x), ids, num_segments=4)
        return (sums / counts(ids, sums.dtype)[:, None]).astype(x.dtype)

    def bwd(ids, y_bar):
        bar = wide(y_bar)
        shares = bar / counts(ids, bar.dtype)[:, None]
        inside = ((ids >= 0) & (ids < 4))[:, None]
        return jnp.where(inside, shares[ids], 0).astype(y_bar.dtype), None

    return rule(f, lambda x, ids: (f(x, ids), ids), bwd), (normal(6, 3), jnp.asarray([0, 3, 3, 0, 1, 3]))
