"""Wrong rules of which two runs differ."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, rule, uniform, wrong
from tests.helpers.witness import differs_from_itself

cases: list[Case] = []


@wrong(cases, "random noise on the cotangent: two runs differ", "S11", differs_from_itself)
def square_root_noisy():
    rng = np.random.default_rng()

    def bwd(y, y_bar):
        noise = jnp.asarray(1 + 1e-4 * rng.normal(size=y.shape), y.dtype)
        return (y_bar * 0.5 / y * noise,)

    return rule(jnp.sqrt, lambda x: (jnp.sqrt(x), jnp.sqrt(x)), bwd), (uniform(6, low=0.5, high=2.0),)


@wrong(cases, "a counter outside warms the gradient up: two runs differ", "S11", differs_from_itself)
def exp2_warmed_up():
    calls = []

    def bwd(y, y_bar):
        calls.append(None)
        return (y_bar * y * (math.log(2) * (1 - 0.5 ** len(calls))),)

    return rule(jnp.exp2, lambda x: (jnp.exp2(x), jnp.exp2(x)), bwd), (normal(4, 6),)


@wrong(cases, "a new random key at every call", "S11", differs_from_itself)
def stochastic_rounding_by_counter():
    """Rounds the cotangent at random, from a counter that nobody passes in."""
    count = iter(range(1 << 30))

    def bwd(_, y_bar):
        noise = jax.random.uniform(jax.random.key(next(count)), y_bar.shape, y_bar.dtype, -1e-3, 1e-3)
        return (3 * y_bar * (1 + noise),)

    return rule(lambda x: 3 * x, lambda x: (3 * x, None), bwd), (normal(6),)
