"""Rules where an argument is infinite, and so is the value: what fwd returns must be infinite too."""

import jax.numpy as jnp

from tests.helpers.case import Case, normal, right, rule, uniform, wrong
from tests.helpers.witness import other_value_at

cases: list[Case] = []


def log_sum_exp(x):
    return jnp.log(jnp.sum(jnp.exp(x)))


def length(x):
    return jnp.sqrt(jnp.sum(x * x))


def all_masked(x):
    return (jnp.full_like(x, -jnp.inf),)


def one_infinite(x):
    return (x.at[0].set(jnp.inf),)


def with_value(f, value, slope):
    """A rule whose fwd returns ``value(x)``, which should be ``f(x)``; ``slope(x, y)`` is f's."""
    return rule(f, lambda x: (value(x), x), lambda x, g: (g * slope(x, f(x)),))


def softmax_of(x, y):
    return jnp.where(x > -jnp.inf, jnp.exp(x - jnp.where(jnp.isfinite(y), y, 0)), 0)


def direction(x, y):
    return x / jnp.where(y > 0, y, 1)


@wrong(cases, "fwd returns 0 for a row of -inf", "S0", other_value_at(all_masked))
def logsumexp_of_nothing_is_zero():
    def value(x):
        y = log_sum_exp(x)
        return jnp.where(jnp.isfinite(y), y, 0)

    return with_value(log_sum_exp, value, softmax_of), (normal(4),)


@wrong(cases, "fwd returns the largest number for an infinite one", "S0", other_value_at(one_infinite))
def length_made_finite():
    return with_value(length, lambda x: jnp.nan_to_num(length(x)), direction), (normal(5),)


@wrong(cases, "fwd divides infinity by itself", "S0", other_value_at(one_infinite))
def length_scaled_by_infinity():
    def value(x):
        top = jnp.max(jnp.abs(x))
        return jnp.where(top > 0, top, 1) * length(x / jnp.where(top > 0, top, 1))

    return with_value(length, value, direction), (normal(5),)


@right(cases, "S0")
def logsumexp_of_nothing():
    """Shifted by its largest number, unless that is infinite."""

    def value(x):
        top = jnp.max(x)
        top = jnp.where(jnp.isfinite(top), top, 0)
        return top + jnp.log(jnp.sum(jnp.exp(x - top)))

    return with_value(log_sum_exp, value, softmax_of), (normal(4),)


@right(cases, "S0")
def length_scaled():
    """Finite where the sum of squares overflows: there its value is the better one."""

    def value(x):
        top = jnp.max(jnp.abs(x))
        safe = jnp.where((top > 0) & jnp.isfinite(top), top, 1)
        return safe * length(x / safe)

    slope = lambda x, y: direction(
        x / jnp.maximum(jnp.max(jnp.abs(x)), 1e-30), length(x / jnp.maximum(jnp.max(jnp.abs(x)), 1e-30))
    )
    return with_value(length, value, slope), (normal(5),)


@right(cases, "S0")
def log_of_a_share():
    """Minus infinity where the share is 0, and where the whole is infinite."""
    f = lambda x: jnp.log(x)
    return with_value(f, f, lambda x, y: 1 / x), (uniform(6, low=0.1, high=0.9),)
