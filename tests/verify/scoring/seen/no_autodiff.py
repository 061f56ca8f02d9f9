"""Wrong rules of functions that have no autodiff: callbacks, bisections, loops."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, from_output, normal, pointwise, uniform, wrong
from tests.helpers.witness import differs_from, gap, pullback

cases: list[Case] = []


def erf_on_host(x):
    """The error function of Python's own library."""

    def host(x):
        return np.asarray(np.vectorize(math.erf, otypes=[float])(x), x.dtype)

    return jax.pure_callback(host, jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="expand_dims")


def wrong_by_differences(f, x):
    """Central differences of the value part from the slope."""
    h = 1e-3
    x = x.astype(jnp.float64)
    slopes = (f(x + h) - f(x - h)) / (2 * h)
    return gap(pullback(f, (x,), jnp.ones_like(x), compiled=False), [slopes]) > 1e-2


@wrong(cases, "a factor, where the value comes from a callback and has no autodiff", "S4", wrong_by_differences)
def erf_by_callback():
    return pointwise(erf_on_host, lambda x: jnp.exp(-x * x) / math.sqrt(math.pi)), (normal(6),)


@wrong(cases, "an expansion for large arguments used for all; no autodiff to judge by", "S4", wrong_by_differences)
def log_gamma_slope_expanded():
    def host(x):
        return np.asarray(np.vectorize(math.lgamma, otypes=[float])(x), x.dtype)

    def f(x):
        return jax.pure_callback(host, jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="expand_dims")

    return pointwise(f, lambda x: jnp.log(x) - 1 / (2 * x)), (uniform(6, low=0.5, high=4.0),)


@wrong(cases, "a factor √(2π) left out, where the value comes from a bisection", "S4", wrong_by_differences)
def normal_quantile_by_bisection():
    def f(p):
        def halve(state):
            step, low, high = state
            middle = 0.5 * (low + high)
            below = jax.scipy.stats.norm.cdf(middle) < p
            return step + 1, jnp.where(below, middle, low), jnp.where(below, high, middle)

        start = 0, jnp.full_like(p, -8.0), jnp.full_like(p, 8.0)
        _, low, high = jax.lax.while_loop(lambda state: state[0] < 60, halve, start)
        return 0.5 * (low + high)

    return from_output(f, lambda y: jnp.exp(0.5 * y * y)), (uniform(6, low=0.1, high=0.9),)


@wrong(cases, "a power, where the value comes from a while loop and has no reverse mode", "S4", wrong_by_differences)
def cube_root_by_newton():
    def f(x):
        def far(state):
            step, y, before = state
            return (step < 60) & jnp.any(jnp.abs(y - before) > 1e-7 * y)

        def improve(state):
            step, y, _ = state
            return step + 1, (2 * y + x / (y * y)) / 3, y

        return jax.lax.while_loop(far, improve, (0, jnp.maximum(x, 1.0), jnp.zeros_like(x)))[1]

    return from_output(f, lambda y: 1 / (3 * y)), (uniform(6, low=0.5, high=4.0),)


@wrong(
    cases, "an argument shifted by one; the user hands in the reference", "S2", differs_from(jnp.log), reference=jnp.log
)
def log_by_callback():
    def f(x):
        return jax.pure_callback(
            lambda x: np.log(np.asarray(x)), jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="expand_dims"
        )

    return pointwise(f, lambda x: 1 / (1 + x)), (uniform(6, low=0.5, high=4.0),)


@wrong(cases, "a logarithm for the digamma function; the value comes from the host", "S4", wrong_by_differences)
def gamma_by_callback():
    def host(x):
        return np.asarray(np.vectorize(math.gamma, otypes=[float])(x), x.dtype)

    def f(x):
        return jax.pure_callback(host, jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="expand_dims")

    return pointwise(f, lambda x: f(x) * jnp.log(x)), (uniform(6, low=1.0, high=4.0),)
