"""Wrong rules of linear algebra."""

import math

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, double, normal, rule, uniform, wrong
from tests.helpers.witness import differs

cases: list[Case] = []


@wrong(cases, "symmetrised by halves where the lower triangle is copied upwards", "S2", differs())
def qr_basis_symmetrised_by_halves():
    """The orthonormal basis of a tall matrix's columns."""

    def fwd(a):
        q, r = jnp.linalg.qr(a)
        return q, (q, r)

    def bwd(kept, q_bar):
        q, r = kept
        m = -q_bar.T @ q
        inner = q_bar + q @ (0.5 * (m + m.T))
        return (jax.scipy.linalg.solve_triangular(r, inner.T, lower=False).T,)

    return rule(lambda a: jnp.linalg.qr(a)[0], fwd, bwd), (normal(5, 3),)


@wrong(cases, "eigenvectors read as rows", "S2", differs())
def eigenvalues_with_vectors_as_rows():
    def fwd(x):
        values, vectors = jnp.linalg.eigh(x)
        return values, vectors

    def bwd(vectors, bar):
        return (vectors.T @ (bar[:, None] * vectors),)

    x = normal(4, 4)
    return rule(lambda x: jnp.linalg.eigh(x)[0], fwd, bwd), (x + x.T,)


@wrong(cases, "seven terms of a series: right for small matrices only", "S3", differs(lambda a: (2 * double(3, 3),)))
def matrix_exponential_short_series():
    """The adjoint of the exponential's directional derivative, term by term."""

    def bwd(a, y_bar):
        total, moved, power = jnp.zeros_like(a), y_bar, a.T
        for k in range(1, 8):
            total = total + moved / math.factorial(k)
            moved, power = a.T @ moved + y_bar @ power, power @ a.T
        return (total,)

    f = jax.scipy.linalg.expm
    return rule(f, lambda a: (f(a), a), bwd), (0.1 * normal(3, 3),)


@wrong(cases, "the residual's term missing, which is zero for square matrices only", "S2", differs())
def least_squares_without_residual_term():
    def f(a, b):
        return jnp.linalg.solve(a.T @ a, a.T @ b)

    def fwd(a, b):
        x = f(a, b)
        return x, (a, x)

    def bwd(kept, x_bar):
        a, x = kept
        b_bar = a @ jnp.linalg.solve(a.T @ a, x_bar)
        return -jnp.outer(b_bar, x), b_bar

    return rule(f, fwd, bwd), (normal(6, 3), normal(6, seed=1))


@wrong(cases, "a factor that stands on both sides differentiated as if both terms were alike", "S2", differs())
def low_rank_solve_twice_one_side():
    """(diag d + u uᵀ)⁻¹ b by Woodbury's formula."""

    def f(d, u, b):
        small = jnp.eye(u.shape[1], dtype=u.dtype) + u.T @ (u / d[:, None])
        return b / d - (u / d[:, None]) @ jnp.linalg.solve(small, u.T @ (b / d))

    def fwd(d, u, b):
        x = f(d, u, b)
        return x, (d, u, x)

    def bwd(kept, x_bar):
        d, u, x = kept
        w = f(d, u, x_bar)
        return -w * x, -2 * jnp.outer(w, x @ u), w

    return rule(f, fwd, bwd), (uniform(6, low=1.0, high=2.0), normal(6, 2), normal(6, seed=1))


@wrong(cases, "the two off-diagonals' cotangents of each other", "S2", differs())
def tridiagonal_off_diagonals_exchanged():
    def f(low, diagonal, high, b):
        return jnp.linalg.solve(jnp.diag(low, -1) + jnp.diag(diagonal) + jnp.diag(high, 1), b)

    def fwd(low, diagonal, high, b):
        x = f(low, diagonal, high, b)
        return x, (low, diagonal, high, x)

    def bwd(kept, x_bar):
        low, diagonal, high, x = kept
        w = f(high, diagonal, low, x_bar)
        return -w[:-1] * x[1:], -w * x, -w[1:] * x[:-1], w

    return rule(f, fwd, bwd), (normal(4), 4 + uniform(5, seed=1), normal(4, seed=2), normal(5, seed=3))


@wrong(cases, "the drift counts twice on one side, not once on each", "S2", differs())
def lyapunov_drift_on_one_side():
    """A X + X Aᵀ = Q."""

    def f(a, q):
        eye = jnp.eye(len(a), dtype=a.dtype)
        return jnp.linalg.solve(jnp.kron(a, eye) + jnp.kron(eye, a), q.reshape(-1)).reshape(q.shape)

    def fwd(a, q):
        x = f(a, q)
        return x, (a, x)

    def bwd(kept, x_bar):
        a, x = kept
        multiplier = f(a.T, x_bar)
        return -2 * multiplier @ x.T, multiplier

    return rule(f, fwd, bwd), (normal(3, 3) - 4 * jnp.eye(3, dtype="float32"), normal(3, 3, seed=1))


@wrong(
    cases,
    "six steps of conjugate gradients, whatever the size",
    "S9",
    differs(lambda a, b: (double(30, 30), double(30))),
)
def conjugate_gradients_six_steps():
    """(a aᵀ + 1)⁻¹ b."""

    def f(a, b):
        return jnp.linalg.solve(a @ a.T + jnp.eye(len(a), dtype=a.dtype), b)

    def fwd(a, b):
        x = f(a, b)
        return x, (a, x)

    def bwd(kept, x_bar):
        a, x = kept
        w, rest, way, size = jnp.zeros_like(x), x_bar, x_bar, x_bar @ x_bar
        for _ in range(6):
            pushed = a @ (way @ a) + way
            step = size / jnp.maximum(way @ pushed, 1e-30)
            w, rest, before = w + step * way, rest - step * pushed, size
            size = rest @ rest
            way = rest + size / jnp.maximum(before, 1e-30) * way
        return -(jnp.outer(w, x @ a) + jnp.outer(x, w @ a)), w

    return rule(f, fwd, bwd), (normal(5, 5), normal(5, seed=1))


@wrong(cases, "`.T` reverses all axes: right for a single matrix only", "S9", differs(lambda x: (double(3, 3, 3),)))
def log_volume_reverses_all_axes():
    def f(x):
        return jnp.linalg.slogdet(x)[1]

    return rule(f, lambda x: (f(x), x), lambda x, bar: (bar[..., None, None] * jnp.linalg.inv(x).T,)), (normal(4, 4),)
