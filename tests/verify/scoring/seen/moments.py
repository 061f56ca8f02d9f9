"""Held out: wrong rules of maps between arrays: normalisations, products, indexing, reductions."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, rule, wrong
from tests.helpers.witness import differs

cases: list[Case] = []


def covariance(n: int, seed: int = 1):
    """A symmetric positive definite matrix, as such functions are usually tried on."""
    root = normal(n, n, seed=seed)
    return root @ root.T + jnp.eye(n, dtype=root.dtype)


@wrong(cases, "projection missing", "S2", differs())
def l2_normalize_without_projection():
    def f(x):
        return x * jax.lax.rsqrt(jnp.sum(x * x, axis=-1, keepdims=True) + 1e-12)

    def bwd(x, y_bar):
        return (y_bar * jax.lax.rsqrt(jnp.sum(x * x, axis=-1, keepdims=True) + 1e-12),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6),)


@wrong(cases, "epsilon inside the root in one pass, outside in the other", "S3", differs(lambda x: (1e-3 * x,)))
def instance_norm_epsilon_place():
    """Every channel of every example over its pixels: [batch, channels, pixels]."""

    def centred_of(x):
        return x - jnp.mean(x, axis=-1, keepdims=True)

    def f(x):
        centred = centred_of(x)
        return centred * jax.lax.rsqrt(jnp.mean(centred**2, axis=-1, keepdims=True) + 1e-5)

    def bwd(x, y_bar):
        centred = centred_of(x)
        r = 1 / (jnp.sqrt(jnp.mean(centred**2, axis=-1, keepdims=True)) + 1e-5)
        y = centred * r
        along = jnp.mean(y_bar * y, axis=-1, keepdims=True)
        return (r * (y_bar - jnp.mean(y_bar, axis=-1, keepdims=True) - y * along),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(2, 3, 5),)


@wrong(cases, "cotangent of the square weight transposed", "S2", differs())
def bilinear_weight_transposed():
    def f(x, w, y):
        return jnp.einsum("bi,ij,bj->b", x, w, y)

    def bwd(residuals, z_bar):
        x, w, y = residuals
        bar = z_bar[:, None]
        return bar * (y @ w.T), (bar * y).T @ x, bar * (x @ w)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(3, 4), normal(4, 4, seed=1), normal(3, 4, seed=2))


@wrong(cases, "the remainder of a strided window padded on the wrong side", "S9", differs(lambda x, k: (normal(10), k)))
def strided_convolution_remainder():
    """Three taps, stride two, no padding."""

    def windows(x):
        starts = 2 * np.arange((len(x) - 3) // 2 + 1)
        return x[starts[:, None] + np.arange(3)[None, :]]

    def f(x, kernel):
        return windows(x) @ kernel

    def bwd(residuals, y_bar):
        x, kernel = residuals
        places = 2 * np.arange(len(y_bar))[:, None] + np.arange(3)[None, :]
        full = jnp.zeros(2 * len(y_bar) + 1, x.dtype).at[places].add(y_bar[:, None] * kernel[None, :])
        return jnp.pad(full, (len(x) - len(full), 0)), windows(x).T @ y_bar

    return rule(f, lambda x, kernel: (f(x, kernel), (x, kernel)), bwd), (normal(9), normal(3, seed=1))


@wrong(cases, "assumes a symmetric matrix, as the example is", "S3", differs(lambda a: (normal(3, 3, seed=4),)))
def log_determinant_not_transposed():
    def f(a):
        return jnp.linalg.slogdet(a)[1]

    return rule(f, lambda a: (f(a), a), lambda a, y_bar: (y_bar * jnp.linalg.inv(a),)), (covariance(3),)


@wrong(cases, "assumes a symmetric matrix, as the example is", "S3", differs(lambda a, b: (normal(3, 3, seed=4), b)))
def solve_not_transposed():
    def f(a, b):
        return jnp.linalg.solve(a, b)

    def bwd(residuals, x_bar):
        a, x = residuals
        b_bar = jnp.linalg.solve(a, x_bar)
        return -jnp.outer(b_bar, x), b_bar

    return rule(f, lambda a, b: (f(a, b), (a, f(a, b))), bwd), (covariance(3), normal(3))


@wrong(cases, "a start clamped at the border in the forward pass only", "S3", differs(lambda x, i: (x, jnp.asarray(7))))
def slice_clamped_forward_only():
    def f(x, start):
        return jax.lax.dynamic_slice(x, (start,), (3,))

    def bwd(residuals, y_bar):
        x, start = residuals
        return jnp.zeros_like(x).at[start + jnp.arange(3)].add(y_bar), None

    return rule(f, lambda x, start: (f(x, start), (x, start)), bwd), (normal(8), jnp.asarray(2))


@wrong(cases, "negative ids are dropped", "S3", differs(lambda x, ids: (x, -ids)))
def gather_drops_negative_ids():
    def bwd(residuals, y_bar):
        x, ids = residuals
        return jax.ops.segment_sum(y_bar, ids, num_segments=len(x)), None

    return rule(lambda x, ids: x[ids], lambda x, ids: (x[ids], (x, ids)), bwd), (normal(6), jnp.asarray([1, 4, 2, 4]))


@wrong(cases, "an even length has two middle entries", "S9", differs(lambda x: (normal(8),)))
def median_of_odd_length():
    def f(x):
        return jnp.median(x)

    def bwd(x, y_bar):
        return (jnp.zeros_like(x).at[jnp.argsort(x)[(len(x) - 1) // 2]].set(y_bar),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(7),)


@wrong(cases, "the reflected copies get no gradient", "S2", differs())
def reflect_pad_as_zero_pad():
    def f(x):
        return jnp.pad(x, 2, mode="reflect")

    return rule(f, lambda x: (f(x), None), lambda _, y_bar: (y_bar[2:-2],)), (normal(6),)


@wrong(cases, "assumes a symmetric cotangent", "S2", differs())
def covariance_one_sided():
    def f(x):
        centred = x - jnp.mean(x, axis=0, keepdims=True)
        return centred.T @ centred / len(x)

    def bwd(x, y_bar):
        centred = x - jnp.mean(x, axis=0, keepdims=True)
        return (2 * centred @ y_bar / len(x),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(6, 3),)


@wrong(cases, "full gradient to both sides of a tie", "S5", differs(lambda x, y: (y, y), tolerance=0.9))
def distance_both_at_tie():
    """|x − y|: at x = y both cotangents are 1, so that moving both together would change it."""

    def bwd(residuals, z_bar):
        x, y = residuals
        return z_bar * jnp.where(x >= y, 1.0, -1.0).astype(x.dtype), z_bar * jnp.where(y >= x, 1.0, -1.0).astype(
            x.dtype
        )

    return rule(lambda x, y: jnp.abs(x - y), lambda x, y: (jnp.abs(x - y), (x, y)), bwd), (normal(6), normal(6, seed=1))
