"""Rules whose arguments are symmetric, probabilities, unit vectors or positive numbers."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, like, need, normal, of_rank, right, rule, uniform, wide, wrong
from tests.helpers.witness import doubled, pullbacks

cases: list[Case] = []


def covariance(n, seed=0):
    """A positive-definite matrix."""
    a = np.random.default_rng(seed).normal(size=(n, n))
    return jax.device_put(np.asarray(a @ a.T / n + np.eye(n), np.float32))


def distribution(*shape, seed=0):
    """Rows of probabilities."""
    p = np.random.default_rng(seed).uniform(0.1, 1.0, size=shape)
    return jax.device_put(np.asarray(p / p.sum(axis=-1, keepdims=True), np.float32))


def direction(n, seed=0):
    """A unit vector."""
    u = np.random.default_rng(seed).normal(size=n)
    return jax.device_put(np.asarray(u / np.linalg.norm(u), np.float32))


def renewed(args):
    """In float64 the first argument is exactly symmetric, of unit sum or of unit length."""
    first, *rest = doubled(args)
    if first.ndim == 2 and first.shape[0] == first.shape[1]:
        return (first + first.T) / 2, *rest
    return first / (jnp.sum(first) if (first >= 0).all() else jnp.linalg.norm(first)), *rest


@right(cases, "S2", points=renewed)
def log_determinant_of_a_covariance():
    """The gradient is the inverse, not its transpose: they are equal for symmetric matrices."""

    def f(a):
        of_rank(2, a)
        return jnp.linalg.slogdet(wide(a))[1].astype(a.dtype)

    def bwd(a, bar):
        return ((wide(bar) * jnp.linalg.inv(wide(a))).astype(a.dtype),)

    return rule(f, lambda a: (f(a), a), bwd), (covariance(4),)


@right(cases, "S2", points=renewed)
def mirrored_by_a_unit_normal():
    """v − 2 u (u·v); the reflection of the result gives v back, so v is not kept."""

    def mirror(u, v):
        return v - 2 * u * jnp.sum(u * v)

    def f(u, v):
        of_rank(1, u, v)
        need(u.shape == v.shape)
        return mirror(wide(u), wide(v)).astype(v.dtype)

    def fwd(u, v):
        y = mirror(wide(u), wide(v))
        return f(u, v), (u, y)

    def bwd(kept, bar):
        u, y, bar, dtype = wide(kept[0]), kept[1], wide(bar), bar.dtype
        v = mirror(u, y)
        u_bar = -2 * (bar * jnp.sum(u * v) + v * jnp.sum(u * bar))
        return like((u_bar, mirror(u, bar).astype(dtype)), (kept[0], bar.astype(dtype)))

    return rule(f, fwd, bwd), (direction(4), normal(4, seed=1))


@right(cases, "S2", points=renewed)
def variance_under_a_distribution():
    """Σ p (x − m)² with m = Σ p x: through m nothing comes back, since the p sum to one."""

    def f(p, x):
        of_rank(1, p, x)
        need(p.shape == x.shape)
        p, x, dtype = wide(p), wide(x), x.dtype
        return jnp.sum(p * (x - jnp.sum(p * x)) ** 2).astype(dtype)

    def bwd(args, bar):
        p, x = map(wide, args)
        d = x - jnp.sum(p * x)
        return like((wide(bar) * d * d, 2 * wide(bar) * p * d), args)

    return rule(f, lambda *args: (f(*args), args), bwd), (distribution(6), normal(6, seed=1))


@right(cases, "S2")
def variance_from_deviation():
    """s², which alone is kept: the root of the result is s, since deviations are positive."""

    def fwd(s):
        y = wide(s) ** 2
        return y.astype(s.dtype), y

    def bwd(y, bar):
        return ((wide(bar) * 2 * jnp.sqrt(y)).astype(bar.dtype),)

    return rule(lambda s: fwd(s)[0], fwd, bwd), (uniform(4, 6, low=0.3, high=2.0),)


def on_symmetric(f, *args):
    """Rule and autodiff part along symmetric directions."""
    even = lambda bar: (np.asarray(bar) + np.asarray(bar).T) / 2
    (got, *_), (true, *_) = pullbacks([f, f.__wrapped__], renewed(args))
    return np.abs(even(got) - even(true)).max() > 1e-3


@wrong(cases, "both halves folded into the lower triangle, the diagonal too", "S2", on_symmetric)
def mahalanobis_diagonal_twice():
    """bᵀ A⁻¹ b of a covariance A."""

    def f(a, b):
        return b @ jnp.linalg.solve(a, b)

    def bwd(args, bar):
        a, b = args
        x = jnp.linalg.solve(a, b)
        return -2 * bar * jnp.tril(jnp.outer(x, x)), 2 * bar * x

    return rule(f, lambda *args: (f(*args), args), bwd), (covariance(4), normal(4, seed=1))


def along_simplex(f, *args):
    """Rule and autodiff part along directions that keep the sum."""
    centred = lambda bar: np.asarray(bar) - np.mean(bar)
    got, true = pullbacks([f, f.__wrapped__], (renewed(args)[0], renewed(args[1:])[0]))
    return max(np.abs(centred(a) - centred(b)).max() for a, b in zip(got, true, strict=True)) > 1e-3


@wrong(cases, "the second distribution's cotangent not divided by it", "S2", along_simplex)
def relative_entropy_second_undivided():
    """Σ p log(p / q)."""

    def f(p, q):
        return jnp.sum(p * jnp.log(p / q))

    def bwd(args, bar):
        p, q = args
        return bar * (jnp.log(p / q) + 1), -bar * p

    return rule(f, lambda *args: (f(*args), args), bwd), (distribution(6), distribution(6, seed=1))


def on_sphere(f, *args):
    """Rule and autodiff part along directions that keep the first argument's length."""
    args = renewed(args)
    (got, *_), (true, *_) = pullbacks([f, f.__wrapped__], args)
    off = np.asarray(got) - np.asarray(true)
    return np.abs(off - args[0] * np.sum(off * args[0])).max() > 1e-3


@wrong(cases, "the axis is held: only the vector is differentiated along it", "S2", on_sphere)
def component_across_a_unit_axis():
    """v − u (u·v)."""

    def f(u, v):
        return v - u * jnp.sum(u * v)

    def bwd(args, bar):
        u, v = args
        return -bar * jnp.sum(u * v), bar - u * jnp.sum(u * bar)

    return rule(f, lambda *args: (f(*args), args), bwd), (direction(4), normal(4, seed=1))
