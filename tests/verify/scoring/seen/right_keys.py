"""Right rules that draw from a key."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, right, rule, zeros

cases: list[Case] = []


@right(cases, "S7")
def dropout_from_key():
    """The mask is drawn again from the key, which is all that is saved."""

    def f(x, key):
        return jnp.where(jax.random.bernoulli(key, 0.8, x.shape), x / 0.8, 0.0).astype(x.dtype)

    return rule(f, lambda x, key: (f(x, key), key), lambda key, y_bar: (f(y_bar, key), None)), (
        normal(4, 6),
        jax.random.key(0),
    )


@right(cases, "S0")
def gaussian_noise_raw_key():
    """A key of the old kind, an array of unsigned integers; its cotangent is given as float0 zeros."""

    def f(x, key, sigma):
        return x + sigma * jax.random.normal(key, x.shape, x.dtype)

    def bwd(residuals, y_bar):
        key, sigma = residuals
        noise = jax.random.normal(key, y_bar.shape, y_bar.dtype)
        return y_bar, np.zeros(key.shape, jax.dtypes.float0), jnp.sum(y_bar * noise).astype(sigma.dtype)

    return rule(f, lambda x, key, sigma: (f(x, key, sigma), (key, sigma)), bwd), (
        normal(4, 6),
        jax.random.PRNGKey(0),
        jnp.float32(0.1),
    )


@right(cases, "S0")
def random_projection_from_key():
    """The matrix is drawn again from the key, so that nothing large is saved."""

    def matrix(key, x):
        return jax.random.rademacher(key, (x.shape[-1], 4), dtype=x.dtype) / 2

    def f(x, key):
        return x @ matrix(key, x)

    def bwd(residuals, y_bar):
        x, key = residuals
        return y_bar @ matrix(key, x).T, None

    return rule(f, lambda x, key: (f(x, key), (x, key)), bwd), (normal(3, 5), jax.random.key(3))


class Posterior(NamedTuple):
    """The parameters of a diagonal Gaussian."""

    mean: jax.Array
    log_scale: jax.Array


@right(cases, "S6")
def posterior_sample():
    """The noise is drawn again in the argument's own dtype: only there is it the same."""

    def noise(key, like):
        return jax.random.normal(key, like.shape, like.dtype)

    def f(posterior, key):
        return posterior.mean + jnp.exp(posterior.log_scale) * noise(key, posterior.mean)

    def bwd(residuals, y_bar):
        log_scale, key = residuals
        return Posterior(y_bar, y_bar * jnp.exp(log_scale) * noise(key, y_bar)), None

    return rule(f, lambda posterior, key: (f(posterior, key), (posterior.log_scale, key)), bwd), (
        Posterior(normal(4, 3), zeros(4, 3)),
        jax.random.key(1),
    )
