"""Rules whose backward passes are right or nearly so, and whose transposes, the tangents, are wrong, right or missing."""

import jax
import jax.numpy as jnp
from jax import lax

from tests.helpers.case import Case, normal, of_rank, right, rule, wrong

cases: list[Case] = []


def solve(a, b):
    """x of a x = b, where a is well conditioned."""
    of_rank(2, a)
    return jnp.linalg.solve(jnp.eye(a.shape[0], dtype=a.dtype) * 3 + a, b)


def solve_rule(transposed):
    """A rule whose backward pass solves the transposed system by another function of its matrix and the cotangent."""

    def f(a, b):
        of_rank(1, b)
        return solve(a, b)

    def bwd(residuals, x_bar):
        a, x = residuals
        b_bar = transposed(jnp.eye(a.shape[0], dtype=a.dtype) * 3 + a, x_bar)
        return -b_bar[:, None] * x[None, :], b_bar

    def fwd(a, b):
        x = f(a, b)
        return x, (a, x)

    return rule(f, fwd, bwd), (normal(4, 4) / 3, normal(4, seed=1))


def transposed_is_wrong(f, a, b):
    """Whether reverse mode over the backward pass, along all of y_bar, is no tangent of the function."""
    b_dot = jnp.arange(1.0, b.size + 1, dtype=b.dtype)
    pulled = lambda y_bar: jnp.vdot(jax.vjp(f, a, b)[1](y_bar)[1], b_dot)
    y_dot = jax.jvp(lambda b: f.__wrapped__(a, b), (b,), (b_dot,))[1]
    return bool(jnp.abs(jax.grad(pulled)(jnp.zeros_like(b)) - y_dot).max() > 1e-2)


@wrong(cases, "transpose of the backward pass solves the same system again", "S8", transposed_is_wrong)
def solve_said_to_be_symmetric():
    def transposed(a, x_bar):
        return lax.custom_linear_solve(lambda v: a.T @ v, x_bar, lambda _, v: jnp.linalg.solve(a.T, v), symmetric=True)

    return solve_rule(transposed)


@wrong(cases, "transpose_solve of the backward pass does not transpose", "S8", transposed_is_wrong)
def transpose_solve_not_transposed():
    def transposed(a, x_bar):
        same = lambda _, v: jnp.linalg.solve(a.T, v)
        return lax.custom_linear_solve(lambda v: a.T @ v, x_bar, same, transpose_solve=same)

    return solve_rule(transposed)


@wrong(cases, "a rule inside of the backward pass has a wrong backward pass", "S8", transposed_is_wrong)
def rule_inside_of_bwd_is_wrong():
    def transposed(a, x_bar):
        solved = rule(
            lambda a, v: jnp.linalg.solve(a.T, v),
            lambda a, v: (jnp.linalg.solve(a.T, v), (a, v)),
            lambda saved, bar: (jnp.zeros_like(saved[0]), jnp.linalg.solve(saved[0].T, bar)),
        )
        return solved(a, x_bar)

    return solve_rule(transposed)


@right(cases, "S8")
def solve_by_hand_both_ways():
    """The backward pass solves the transposed system, and its transpose the system itself."""

    def transposed(a, x_bar):
        return lax.custom_linear_solve(
            lambda v: a.T @ v,
            x_bar,
            lambda _, v: jnp.linalg.solve(a.T, v),
            transpose_solve=lambda _, v: jnp.linalg.solve(a, v),
        )

    return solve_rule(transposed)


@right(cases, "S8")
def guarded_by_its_cotangent():
    """x log x, whose slope at 0 is infinite: a cotangent of 0 is passed on as 0. JAX cannot transpose that."""

    def f(x):
        return jnp.where(x > 0, x * jnp.log(jnp.where(x > 0, x, 1)), jnp.zeros_like(x))

    def bwd(x, y_bar):
        slope = jnp.where(x > 0, jnp.log(jnp.where(x > 0, x, 1)) + 1, jnp.zeros_like(x))
        return (jnp.where(y_bar == 0, jnp.zeros_like(x), y_bar * slope),)

    return rule(f, lambda x: (f(x), x), bwd), (jnp.abs(normal(7)) + 0.2,)


@right(cases, "S8", truth=lambda x, n: x * 2.0**3)
def doubled_until_done():
    """2ⁿ x by a loop whose length is read from an array: the backward pass loops as well, so that it has no transpose."""

    def times(x, n):
        return lax.while_loop(lambda state: state[0] < n, lambda state: (state[0] + 1, 2 * state[1]), (n * 0, x))[1]

    def bwd(n, y_bar):
        return times(y_bar, n), None

    return rule(times, lambda x, n: (times(x, n), n), bwd), (normal(5), jnp.array(3))


@right(cases, "S8")
def running_mean_of_cotangents():
    """y_t = (y_{t-1} + x_t) / 2, by a scan there and a scan back, which JAX transposes."""

    def f(x):
        of_rank(1, x)
        return lax.scan(lambda y, x: ((y + x) / 2,) * 2, jnp.zeros_like(x[0]), x)[1]

    def bwd(_, y_bar):
        step = lambda carry, bar: ((carry + bar) / 2,) * 2
        return (lax.scan(step, jnp.zeros_like(y_bar[0]), y_bar, reverse=True)[1],)

    return rule(f, lambda x: (f(x), None), bwd), (normal(6),)
