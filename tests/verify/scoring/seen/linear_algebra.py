"""Wrong rules of linear algebra: inverses, determinants, solves, matrix functions."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, rule, wrong
from tests.helpers.witness import differs, differs_from_itself, raises

cases: list[Case] = []


def eye(n: int):
    return jnp.eye(n, dtype=jnp.float32)


@wrong(cases, "gradient to the half that is never read", "S2", differs())
def triangular_solve_full_bar():
    def solve(a, b, trans=0):
        return jax.scipy.linalg.solve_triangular(a, b, lower=True, trans=trans)

    def bwd(residuals, x_bar):
        a, x = residuals
        b_bar = solve(a, x_bar, trans=1)
        return -jnp.outer(b_bar, x), b_bar

    return rule(lambda a, b: solve(a, b), lambda a, b: (solve(a, b), (a, solve(a, b))), bwd), (
        jnp.tril(normal(4, 4)) + 3 * eye(4),
        normal(4, seed=1),
    )


@wrong(cases, "two square matrices not transposed", "S2", differs())
def trace_of_product_not_transposed():
    return rule(
        lambda a, b: jnp.trace(a @ b),
        lambda a, b: (jnp.trace(a @ b), (a, b)),
        lambda ab, bar: (bar * ab[1], bar * ab[0]),
    ), (normal(4, 4), normal(4, 4, seed=1))


SINGULAR = ((1.0, 2.0, 3.0), (2.0, 4.0, 6.0), (1.0, 0.0, 1.0))


@wrong(cases, "by the inverse: not finite for a singular matrix", "S3", differs(lambda a: (jnp.asarray(SINGULAR),)))
def determinant_by_inverse():
    def f(a):
        return jnp.linalg.det(a)

    return rule(f, lambda a: (f(a), a), lambda a, bar: (bar * f(a) * jnp.linalg.inv(a).T,)), (normal(3, 3),)


@wrong(cases, "a product by a column keeps its axis, which JAX refuses", "S0", raises())
def outer_product_kept_axis():
    def bwd(residuals, bar):
        x, y = residuals
        return bar @ y[:, None], bar.T @ x[:, None]

    return rule(lambda x, y: x[:, None] * y[None, :], lambda x, y: (x[:, None] * y[None, :], (x, y)), bwd), (
        normal(4),
        normal(3, seed=1),
    )


@wrong(cases, "rows and columns of blocks read in the wrong order", "S2", differs())
def kronecker_blocks_mixed():
    def bwd(residuals, bar):
        a, b = residuals
        blocks = bar.reshape(*a.shape, *b.shape)
        return jnp.einsum("ijkl,kl->ij", blocks, b), jnp.einsum("ijkl,ij->kl", blocks, a)

    return rule(lambda a, b: jnp.kron(a, b), lambda a, b: (jnp.kron(a, b), (a, b)), bwd), (
        normal(2, 3),
        normal(3, 2, seed=1),
    )


@wrong(cases, "differentiated as if the matrices commuted", "S2", differs())
def matrix_cube_commuting():
    def f(a):
        return a @ a @ a

    return rule(f, lambda a: (f(a), a), lambda a, bar: (3 * (a @ a).T @ bar,)), (normal(3, 3),)


@wrong(cases, "the inverse estimated from random probes: two runs differ", "S11", differs_from_itself)
def log_determinant_by_probes():
    rng = np.random.default_rng()

    def f(a):
        return jnp.linalg.slogdet(a)[1]

    def bwd(a, y_bar):
        probes = jnp.asarray(rng.choice([-1.0, 1.0], (len(a), 256)), a.dtype)
        return (y_bar * jnp.linalg.solve(a.T, probes) @ probes.T / 256,)

    return rule(f, lambda a: (f(a), a), bwd), (normal(4, 4) + 4 * eye(4),)


@wrong(cases, "a transpose too many, which an orthogonal example's symmetry hides", "S3", differs())
def similarity_by_reflection():
    """R M Rᵀ, tried with a reflection, which is its own transpose; M is as it comes."""

    def f(r, m):
        return r @ m @ r.T

    def bwd(residuals, bar):
        r, m = residuals
        return bar @ r @ m.T + bar.T @ r @ m, r @ bar @ r.T

    axis = normal(3, 1)
    mirror = eye(3) - 2 * axis @ axis.T / jnp.sum(axis * axis)
    return rule(f, lambda r, m: (f(r, m), (r, m)), bwd), (mirror, normal(3, 3, seed=1))


@wrong(cases, "divides by differences of eigenvalues: NaN where two are equal", "S3", differs(lambda a: (jnp.eye(3),)))
def matrix_square_by_eigenvalues():
    """The square of a symmetric matrix by its eigenvalues, whose slopes are divided differences."""

    def f(a):
        symmetric = 0.5 * (a + a.T)
        return symmetric @ symmetric

    def bwd(a, bar):
        values, vectors = jnp.linalg.eigh(0.5 * (a + a.T))
        squares = values**2
        apart = values[:, None] - values[None, :] + jnp.eye(a.shape[0], dtype=a.dtype)
        slopes = (squares[:, None] - squares[None, :]) / apart + jnp.diag(2 * values)
        inner = vectors @ (slopes * (vectors.T @ bar @ vectors)) @ vectors.T
        return (0.5 * (inner + inner.T),)

    return rule(f, lambda a: (f(a), a), bwd), (normal(3, 3),)


@wrong(cases, "assumes a symmetric matrix, as the example is", "S3", differs())
def quadratic_form_symmetric():
    def f(x, a):
        return x @ a @ x

    def bwd(residuals, y_bar):
        x, a = residuals
        return 2 * y_bar * (a @ x), y_bar * jnp.outer(x, x)

    root = normal(4, 4, seed=1)
    return rule(f, lambda x, a: (f(x, a), (x, a)), bwd), (normal(4), root @ root.T + jnp.eye(4, dtype=root.dtype))


@wrong(cases, "the inverse not transposed", "S2", differs())
def inverse_not_transposed():
    def fwd(a):
        y = jnp.linalg.inv(a)
        return y, y

    a = normal(4, 4) + 4 * jnp.eye(4, dtype=jnp.float32)
    return rule(jnp.linalg.inv, fwd, lambda y, y_bar: (-y @ y_bar @ y,)), (a,)


def covariance(n: int, seed: int = 1):
    """A symmetric positive definite matrix, as such functions are usually tried on."""
    root = normal(n, n, seed=seed)
    return root @ root.T + jnp.eye(n, dtype=root.dtype)


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
