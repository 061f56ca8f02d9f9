"""Wrong rules of functions that are found by iterating or bisecting."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, uniform, wrong
from tests.helpers.witness import differs, differs_from, doubled, gap, pullback, second_order
from tests.verify.scoring.seen.right_iterations import by_jacobi

cases: list[Case] = []


@wrong(cases, "one step in place of the implicit function theorem", "S2", differs())
def fixed_point_one_step():
    """y = tanh(w y + x), iterated forty times."""

    def f(x, w):
        return jax.lax.fori_loop(0, 40, lambda _, y: jnp.tanh(w @ y + x), jnp.zeros_like(x))

    def bwd(y, y_bar):
        u_bar = y_bar * (1 - y * y)
        return u_bar, jnp.outer(u_bar, y)

    return rule(f, lambda x, w: (f(x, w), f(x, w)), bwd), (normal(3), 0.3 * uniform(3, 3))


def wrong_in_the_second(f, x, a):
    """Central differences in the second argument, a number, part from its cotangent."""
    x, a = doubled((x, a))
    h = 1e-4
    expected = jnp.sum(f(x, a + h) - f(x, a - h)) / (2 * h)
    return gap(pullback(f, (x, a), jnp.ones_like(x), compiled=False)[1:], [expected]) > 1e-2


@wrong(cases, "the mean anomaly for the eccentric one", "S4", wrong_in_the_second)
def kepler_of_mean_anomaly():
    """E − e sin E = M by Newton, in a while loop."""

    def f(mean, e):
        def far(state):
            step, now, before = state
            return (step < 50) & jnp.any(jnp.abs(now - before) > 1e-12)

        def improve(state):
            step, now, _ = state
            return step + 1, now - (now - e * jnp.sin(now) - mean) / (1 - e * jnp.cos(now)), now

        return jax.lax.while_loop(far, improve, (0, mean, mean + 1))[1]

    def bwd(residuals, y_bar):
        mean, e, y = residuals
        mean_bar = y_bar / (1 - e * jnp.cos(y))
        return mean_bar, jnp.sum(mean_bar * jnp.sin(mean))

    def fwd(mean, e):
        y = f(mean, e)
        return y, (mean, e, y)

    return rule(f, fwd, bwd), (uniform(6, low=0.5, high=3.0), jnp.float32(0.3))


def sparsemax(x):
    """The point of the simplex that is nearest to each row, by sorting."""
    z = x - jax.lax.stop_gradient(jnp.max(x, axis=-1, keepdims=True))
    falling = jnp.sort(z, axis=-1)[:, ::-1]
    excess = jnp.cumsum(falling, axis=-1) - 1
    rank = jnp.arange(1, x.shape[-1] + 1, dtype=x.dtype)[None, :]
    size = jnp.sum(rank * falling > excess, axis=-1, keepdims=True)
    return jnp.maximum(z - jnp.take_along_axis(excess, size - 1, axis=-1) / size.astype(x.dtype), 0.0)


@wrong(cases, "the mean over all classes, not over the support", "S4", differs_from(sparsemax), reference=sparsemax)
def sparsemax_by_bisection():
    def f(x):
        def halve(state):
            step, low, high = state
            middle = 0.5 * (low + high)
            above = jnp.sum(jnp.maximum(x - middle, 0.0), axis=-1, keepdims=True) > 1
            return step + 1, jnp.where(above, middle, low), jnp.where(above, high, middle)

        top = jnp.max(x, axis=-1, keepdims=True)
        _, low, high = jax.lax.while_loop(lambda state: state[0] < 60, halve, (0, top - 1, top))
        return jnp.maximum(x - 0.5 * (low + high), 0.0)

    def bwd(y, y_bar):
        inside = (y > 0).astype(y.dtype)
        return (inside * (y_bar - jnp.mean(y_bar, axis=-1, keepdims=True)),)

    return rule(f, lambda x: (f(x), f(x)), bwd), (normal(4, 6),)


@wrong(cases, "the solution is detached in the forward pass: second order wrong", "S8", second_order)
def wright_omega_detached():
    """y + exp(y) = x by Newton."""

    def f(x):
        def improve(_, y):
            return y - (y + jnp.exp(y) - x) / (1 + jnp.exp(y))

        return jax.lax.fori_loop(0, 12, improve, jnp.where(x > 1, jnp.log(jnp.maximum(x, 1.0)), x))

    def fwd(x):
        y = f(jax.lax.stop_gradient(x))
        return y, y

    return rule(f, fwd, lambda y, y_bar: (y_bar / (1 + jnp.exp(y)),)), (normal(6),)


@wrong(cases, "solved with the matrix, not with its transpose", "S2", differs_from(jnp.linalg.solve))
def solve_to_a_tolerance_untransposed():
    return by_jacobi(lambda a: a)
