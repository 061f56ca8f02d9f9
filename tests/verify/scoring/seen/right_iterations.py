"""Right rules of functions that are found by iterating or bisecting."""

import math

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, from_output, normal, right, rule, uniform, wide

cases: list[Case] = []


@right(cases, "S4", reference=jnp.sqrt)
def sqrt_by_newton():
    """A while loop has no reverse mode; the user hands in a plain function to judge by."""

    def f(x):
        def far(state):
            step, y, before = state
            return (step < 60) & jnp.any(jnp.abs(y - before) > 1e-7 * y)

        def improve(state):
            step, y, _ = state
            return step + 1, 0.5 * (y + x / y), y

        return jax.lax.while_loop(far, improve, (0, jnp.maximum(x, 1.0), jnp.zeros_like(x)))[1]

    return from_output(f, lambda y: 0.5 / y), (uniform(6, low=0.5, high=4.0),)


def cubic_root_in_closed_form(x):
    return 2 / math.sqrt(3) * jnp.sinh(jnp.arcsinh(1.5 * math.sqrt(3) * x) / 3)


@right(cases, "S4", truth=cubic_root_in_closed_form)
def cubic_root_by_newton():
    """y + y³ = x in a while loop; the forward pass calls the rule itself, so that it can be derived again."""

    def f(x):
        x, dtype = wide(x), x.dtype
        small = 4 * float(jnp.finfo(x.dtype).eps)

        def far(state):
            step, y, before = state
            return (step < 60) & jnp.any(jnp.abs(y - before) > small * jnp.abs(y))

        def improve(state):
            step, y, _ = state
            return step + 1, 2 * y * (y * y / (3 * y * y + 1)) + x / (3 * y * y + 1), y

        start = jnp.cbrt(x)
        return jax.lax.while_loop(far, improve, (0, start, start + 1))[1].astype(dtype)

    def fwd(x):
        y = again(x)
        return y, y

    def bwd(y, y_bar):
        return ((wide(y_bar) / (1 + 3 * wide(y) ** 2)).astype(y.dtype),)

    again = rule(f, fwd, bwd)
    return again, (normal(6),)


@right(cases, "S8")
def damped_fixed_point():
    """y + tanh(y) / 2 = x by sixty rounds of a contraction; the slope by the implicit function theorem."""

    def solve(x):
        return jax.lax.fori_loop(0, 60, lambda _, y: x - 0.5 * jnp.tanh(y), x)

    def f(x):
        return solve(wide(x)).astype(x.dtype)

    def fwd(x):
        y = solve(wide(x))
        return y.astype(x.dtype), y

    def bwd(y, y_bar):
        return ((wide(y_bar) / (1.5 - 0.5 * jnp.tanh(y) ** 2)).astype(y_bar.dtype),)

    return rule(f, fwd, bwd), (normal(4, 3),)


def unrolled(x):
    return jax.lax.scan(lambda y, _: (x + 0.5 * jnp.tanh(y), None), x, None, length=60)[0]


@right(cases, "S8", reference=unrolled)
def implicit_equation():
    """y = x + tanh(y)/2 by a while loop; the forward pass calls the rule itself, for the sake of second order."""

    def f(x):
        def improve(state):
            step, y = state
            return step + 1, x + 0.5 * jnp.tanh(y)

        return jax.lax.while_loop(lambda state: state[0] < 60, improve, (0, x))[1]

    def fwd(x):
        y = made(x)
        return y, y

    made = rule(f, fwd, lambda y, y_bar: (y_bar / (1 - 0.5 * (1 - jnp.tanh(y) ** 2)),))
    return made, (normal(6),)


@right(cases, "S4", truth=lambda x: x ** (1 / 3))
def cube_root_by_bisection():
    """Autodiff of a bisection sees the bracket and not the root: it is no judge of the right slope."""

    def f(x):
        def halve(_, bracket):
            low, high = bracket
            middle = 0.5 * (low + high)
            below = middle**3 < x
            return jnp.where(below, middle, low), jnp.where(below, high, middle)

        low, high = jax.lax.fori_loop(0, 60, halve, (jnp.zeros_like(x), jnp.full_like(x, 8.0)))
        return 0.5 * (low + high)

    return from_output(f, lambda y: 1 / (3 * y * y)), (uniform(6, low=0.5, high=4.0),)


def jacobi(a, b):
    """A⁻¹ b of a matrix with a heavy diagonal, until a flag says that no number moves by more than 1e-7."""
    diagonal = jnp.diagonal(a)

    def improve(state):
        z, _, rounds = state
        new = (b - a @ z + diagonal * z) / diagonal
        return new, jnp.max(jnp.abs(new - z)) < 1e-7 * jnp.minimum(jnp.max(jnp.abs(new)), 1.0), rounds + 1

    going = lambda state: ~state[1] & (state[2] < 300)
    return jax.lax.while_loop(going, improve, (b / diagonal, jnp.asarray(False), 0))[0]


def by_jacobi(transposed):
    def bwd(residuals, z_bar):
        a, z = residuals
        b_bar = jacobi(transposed(a), z_bar)
        return -jnp.outer(b_bar, z), b_bar

    return rule(jacobi, lambda a, b: ((z := jacobi(a, b)), (a, z)), bwd), (
        4 * jnp.eye(4, dtype=jnp.float32) + normal(4, 4),
        normal(4, seed=1),
    )


@right(cases, "S1", truth=jnp.linalg.solve, tolerance=1e-5)
def solve_to_a_tolerance():
    """A large cotangent takes more rounds, so that the backward pass is linear to the tolerance alone."""
    return by_jacobi(jnp.transpose)
