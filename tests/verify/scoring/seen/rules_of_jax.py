"""Rules over functions that have a rule of JAX's own, without which autodiff is wrong at ties."""

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy

from tests.helpers.case import Case, normal, pointwise, right, rule, uniform, wrong
from tests.helpers.witness import at, differs

cases: list[Case] = []


def softplus(x):
    return jnp.logaddexp(x, 0.0)


@wrong(cases, "0 at 0, where it is smooth", "S3", differs(at(-1.0, 0.0, 1.0)))
def softplus_by_logaddexp_flat_at_zero():
    return pointwise(softplus, lambda x: jnp.where(x == 0, 0.0, jax.nn.sigmoid(x)).astype(x.dtype)), (normal(4, 6),)


@wrong(cases, "1 at 0, where it is smooth", "S3", differs(at(-1.0, 0.0, 1.0)))
def log_sigmoid_steep_at_zero():
    return pointwise(jax.nn.log_sigmoid, lambda x: jnp.where(x == 0, 1.0, jax.nn.sigmoid(-x)).astype(x.dtype)), (
        normal(4, 6),
    )


def logaddexp_with(share):
    def bwd(residuals, z_bar):
        x, y = residuals
        p = share(x, y)
        return z_bar * p, z_bar * (1 - p)

    return rule(lambda x, y: jnp.logaddexp(x, y), lambda x, y: (jnp.logaddexp(x, y), (x, y)), bwd)


def tied(x, y):
    return jnp.asarray([0.5, 1.0, -2.0], jnp.float64), jnp.asarray([0.5, 0.0, -2.0], jnp.float64)


@wrong(cases, "a tie given to one of two, where it is smooth", "S3", differs(tied))
def logaddexp_one_of_a_tie():
    first = lambda x, y: jnp.where(x == y, 1.0, jax.nn.sigmoid(x - y)).astype(x.dtype)
    return logaddexp_with(first), (normal(4, 6), normal(4, 6, seed=1))


@right(cases, "S3")
def logaddexp_half_of_a_tie():
    return logaddexp_with(lambda x, y: jax.nn.sigmoid(x - y)), (normal(4, 6), normal(4, 6, seed=1))


@right(cases, "S3")
def softplus_by_logaddexp():
    return pointwise(softplus, jax.nn.sigmoid), (normal(4, 6),)


@right(cases, "S5")
def relu_of_jaxs_relu():
    return pointwise(jax.nn.relu, lambda x: (x > 0).astype(x.dtype)), (normal(4, 6),)


@right(cases, "S5")
def relu_of_jaxs_relu_half_at_zero():
    return pointwise(jax.nn.relu, lambda x: (jnp.sign(x) + 1) / 2), (normal(4, 6),)


@right(cases, "S3")
def entropy_by_xlogy():
    def f(p):
        return -jnp.sum(xlogy(p, p), axis=-1)

    return rule(f, lambda p: (f(p), p), lambda p, y_bar: (-y_bar[..., None] * (jnp.log(p) + 1),)), (
        uniform(4, 6, low=0.05),
    )
