"""Rules of iterations that stop early: value and autodiff are off by what the loop leaves to do."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, from_output, normal, right, rule, uniform, wrong
from tests.helpers.witness import differs_from

cases: list[Case] = []


def iterated(step, start, close, most=100):
    """The limit of y → step(y), up to `close` or after `most` rounds."""

    def far(state):
        i, y, before = state
        return (i < most) & jnp.any(jnp.abs(y - before) > close)

    def improve(state):
        i, y, _ = state
        return i + 1, step(y), y

    return jax.lax.while_loop(far, improve, (0, start, start + 1))[1]


def to_the_end(step, start):
    return jax.lax.scan(lambda y, _: (step(y), None), start, None, length=200)[0]


def damped(x):
    """y = x + tanh(y)/2, up to 1e-5."""
    return iterated(lambda y: x + 0.5 * jnp.tanh(y), x, 1e-5)


def damped_to_the_end(x):
    return to_the_end(lambda y: x + 0.5 * jnp.tanh(y), x)


def damped_slope(y):
    return 1 / (1 - 0.5 * (1 - jnp.tanh(y) ** 2))


@right(cases, "S2", truth=damped_to_the_end, tolerance=1e-4)
def fixed_point_that_stops_early():
    return from_output(damped, damped_slope), (normal(6),)


@wrong(cases, "0.2 % too steep", "S2", differs_from(damped_to_the_end))
def fixed_point_that_stops_early_with_a_slip():
    return from_output(damped, lambda y: 1.002 * damped_slope(y)), (normal(6),)


def anomaly(mean, e):
    """E = M + e sin E, up to 1e-6."""
    return iterated(lambda y: mean + e * jnp.sin(y), mean, 1e-6)


def anomaly_to_the_end(mean, e):
    return to_the_end(lambda y: mean + e * jnp.sin(y), mean)


def anomaly_rule(sign):
    def bwd(residuals, y_bar):
        e, y = residuals
        mean_bar = y_bar / (1 - e * jnp.cos(y))
        return mean_bar, sign * jnp.sum(mean_bar * jnp.sin(y))

    def fwd(mean, e):
        y = anomaly(mean, e)
        return y, (e, y)

    return rule(anomaly, fwd, bwd)


ORBIT = uniform(5, low=0.5, high=3.0), jnp.float32(0.3)


@right(cases, "S2", truth=anomaly_to_the_end, tolerance=1e-4)
def anomaly_that_stops_early():
    return anomaly_rule(1), ORBIT


@wrong(cases, "the sign of the eccentricity's cotangent", "S2", differs_from(anomaly_to_the_end))
def anomaly_that_stops_early_with_the_wrong_sign():
    return anomaly_rule(-1), ORBIT


def root(a):
    """√a by halving the distance to a/y, up to 1e-3: the last round makes it far more exact than its slope."""
    return iterated(lambda y: 0.5 * (y + a / y), 0.5 * (1 + a), 1e-3)


@right(cases, "S2", truth=jnp.sqrt, tolerance=1e-3)
def root_that_stops_early():
    return from_output(root, lambda y: 0.5 / y), (uniform(6, low=0.5, high=4.0),)


@wrong(cases, "a 2 forgotten", "S2", differs_from(jnp.sqrt))
def root_that_stops_early_without_the_half():
    return from_output(root, lambda y: 1 / y), (uniform(6, low=0.5, high=4.0),)
