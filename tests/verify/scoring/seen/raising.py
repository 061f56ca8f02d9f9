"""Functions that raise outside of their domain: from the host, while they run."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, pointwise, right, rule, uniform, wrong
from tests.helpers.witness import at, differs

cases: list[Case] = []


def unless(bad, x, message):
    """x, or an error from the host if any of `bad`, as `equinox.error_if` has it."""

    def host(bad):
        if bad:
            raise RuntimeError(message)
        return np.asarray(bad)

    raised = jax.pure_callback(host, jax.ShapeDtypeStruct((), jnp.bool_), jnp.any(bad), vmap_method="sequential")
    return jnp.where(raised, jnp.nan, x).astype(x.dtype)


def positive(x):
    return unless(x <= 0, x, "x must be positive")


def log_slope(x):
    return 1 / x


@right(cases, "S3")
def log_of_positive():
    return pointwise(lambda x: jnp.log(positive(x)), log_slope), (uniform(6, low=0.5, high=2.0),)


@wrong(cases, "the slope of large arguments is a tenth too small", "S3", differs(at(9.0, 12.0)))
def log_of_positive_bent():
    slope = lambda x: jnp.where(x > 5, 0.9, 1.0).astype(x.dtype) / x
    return pointwise(lambda x: jnp.log(positive(x)), slope), (uniform(6, low=0.5, high=2.0),)


def solve(a, b):
    """a⁻¹ b, which raises where a is nearly singular."""
    regular = unless(jnp.abs(jnp.linalg.det(a)) < 1e-3, a, "the matrix is singular")
    return jnp.linalg.solve(regular, b)


def solve_rule(sign):
    def bwd(residuals, x_bar):
        a, x = residuals
        b_bar = jnp.linalg.solve(a.T, x_bar)
        return sign * jnp.outer(b_bar, x), b_bar

    def fwd(a, b):
        x = solve(a, b)
        return x, (a, x)

    return rule(solve, fwd, bwd)


MATRIX = jnp.eye(3, dtype=jnp.float32) + 0.2 * normal(3, 3)


@right(cases, "S3")
def solve_of_regular():
    return solve_rule(-1), (MATRIX, normal(3, seed=1))


@wrong(cases, "the sign of the matrix' cotangent", "S2", differs())
def solve_of_regular_with_the_wrong_sign():
    return solve_rule(1), (MATRIX, normal(3, seed=1))


def share(p):
    """The entropy of numbers that must sum to 1."""
    p = unless(jnp.abs(jnp.sum(p) - 1) > 0.5, p, "p must sum to 1, more or less")
    return -jnp.sum(p * jnp.log(p))


def share_rule(slope):
    return rule(share, lambda p: (share(p), p), lambda p, y_bar: (y_bar * slope(p),))


PARTS = jnp.asarray([0.1, 0.2, 0.3, 0.4], jnp.float32)


@right(cases, "S3")
def entropy_of_parts():
    return share_rule(lambda p: -jnp.log(p) - 1), (PARTS,)


@wrong(cases, "the 1 of the product rule left out", "S2", differs())
def entropy_of_parts_without_the_one():
    return share_rule(lambda p: -jnp.log(p)), (PARTS,)
