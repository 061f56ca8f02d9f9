"""Right rules of matrices, rotations and products of vectors."""

import math

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, of_rank, right, rule, wide

cases: list[Case] = []


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


@right(cases, "S2")
def cholesky_factor():
    """By Φ, the lower triangle with half the diagonal; symmetric, as JAX's own is."""

    def f(a):
        return jnp.linalg.cholesky(a)

    def bwd(lower, bar):
        phi = jnp.tril(lower.T @ bar)
        phi = phi - 0.5 * jnp.diag(jnp.diag(phi))
        half = jnp.linalg.solve(lower.T, jnp.linalg.solve(lower.T, phi.T).T)
        return (0.5 * (half + half.T),)

    root = normal(3, 3)
    return rule(f, lambda a: (f(a), f(a)), bwd), (root @ root.T + jnp.eye(3, dtype=root.dtype),)


def rotation_factors(s):
    """sin θ/θ, (1 − cos θ)/θ² and their slopes in s = θ², by series below one."""

    def series(first, x):
        terms = [(-1) ** k / math.factorial(2 * k + first) for k in range(12)]
        slopes = [k * term for k, term in enumerate(terms)][1:]
        return [jnp.polyval(jnp.asarray(row[::-1], x.dtype), x) for row in (terms, slopes)]

    small = s < 1
    low, high = jnp.where(small, s, 0.0).astype(s.dtype), jnp.where(small, 1.0, s).astype(s.dtype)
    angle = jnp.sqrt(high)
    a, b = jnp.sin(angle) / angle, (1 - jnp.cos(angle)) / high
    large = a, (jnp.cos(angle) - a) / (2 * high), b, (0.5 * a - b) / high
    return [jnp.where(small, x, y) for x, y in zip(series(1, low) + series(2, low), large, strict=True)]


@right(cases, "S3")
def rotate_by_vector():
    """Rodrigues' formula for rotation vectors, zero among them."""

    def dot(u, v):
        return jnp.sum(u * v, axis=-1, keepdims=True)

    def f(turn, v):
        turn, v, dtype = wide(turn), wide(v), v.dtype
        across = jnp.cross(turn, v)
        a, _, b, _ = rotation_factors(dot(turn, turn))
        return (v + a * across + b * jnp.cross(turn, across)).astype(dtype)

    def bwd(residuals, y_bar):
        turn, v, y_bar, dtype = *map(wide, residuals), wide(y_bar), y_bar.dtype
        a, a_slope, b, b_slope = rotation_factors(dot(turn, turn))
        across, back = jnp.cross(turn, v), jnp.cross(turn, y_bar)
        s_bar = a_slope * dot(y_bar, across) + b_slope * dot(y_bar, jnp.cross(turn, across))
        turned = y_bar * dot(turn, v) + v * dot(turn, y_bar) - 2 * turn * dot(v, y_bar)
        turn_bar = a * jnp.cross(v, y_bar) + b * turned + 2 * s_bar * turn
        return turn_bar.astype(dtype), (y_bar - a * back + b * jnp.cross(turn, back)).astype(dtype)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 3).at[1].set(0.0), normal(4, 3, seed=1))


@right(cases, "S9")
def cross_product():
    """For vectors of three only."""
    return rule(
        lambda a, b: jnp.cross(a, b),
        lambda a, b: (jnp.cross(a, b), (a, b)),
        lambda ab, y_bar: (jnp.cross(ab[1], y_bar), jnp.cross(y_bar, ab[0])),
    ), (normal(4, 3), normal(4, 3, seed=1))
