"""Wrong rules of densities, entropies, samples and their special functions."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, pointwise, rule, uniform, wrong, zeros
from tests.helpers.witness import differs, differs_from_itself, other_value, second_order

cases: list[Case] = []


@wrong(cases, "an asymptotic digamma: right for large arguments", "S3", differs(lambda a, b: (0.05 * a, b)))
def log_beta_asymptotic():
    def digamma(x):
        return jnp.log(x) - 1 / (2 * x) - 1 / (12 * x * x)

    def f(a, b):
        lgamma = jax.scipy.special.gammaln
        return lgamma(a) + lgamma(b) - lgamma(a + b)

    def bwd(residuals, y_bar):
        a, b = residuals
        return y_bar * (digamma(a) - digamma(a + b)), y_bar * (digamma(b) - digamma(a + b))

    return rule(f, lambda a, b: (f(a, b), (a, b)), bwd), (
        uniform(6, low=5.0, high=15.0),
        uniform(6, low=5.0, high=15.0, seed=1),
    )


@wrong(cases, "the weights' own normaliser left out", "S2", differs())
def mixture_weights_unnormalised():
    """The log-likelihood of numbers under a mixture of Gaussians whose weights are a softmax."""

    def joint(x, logits, mean, log_scale):
        z = (x[:, None] - mean[None, :]) * jnp.exp(-log_scale)[None, :]
        return z, (jax.nn.log_softmax(logits) - log_scale)[None, :] - 0.5 * z * z

    def f(*args):
        return jax.nn.logsumexp(joint(*args)[1], axis=-1) - 0.5 * math.log(2 * math.pi)

    def bwd(residuals, y_bar):
        z, logs = joint(*residuals)
        share = y_bar[:, None] * jax.nn.softmax(logs, axis=-1)
        slope = share * z * jnp.exp(-residuals[3])[None, :]
        return (
            -jnp.sum(slope, axis=1),
            jnp.sum(share, axis=0),
            jnp.sum(slope, axis=0),
            jnp.sum(share * (z * z - 1), axis=0),
        )

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6), zeros(3), normal(3, seed=1), zeros(3))


@wrong(cases, "noise drawn again in float32: other noise in any other dtype", "S6", differs())
def gumbel_softmax_noise_in_f32():
    def f(x, key, temperature):
        return jax.nn.softmax((x + jax.random.gumbel(key, x.shape, x.dtype)) / temperature, axis=-1)

    def bwd(residuals, y_bar):
        x, key, temperature, y = residuals
        noisy = x + jax.random.gumbel(key, x.shape, jnp.float32).astype(x.dtype)
        x_bar = y * (y_bar - jnp.sum(y * y_bar, axis=-1, keepdims=True)) / temperature
        return x_bar, None, -jnp.sum(x_bar * noisy) / temperature

    def fwd(x, key, temperature):
        y = f(x, key, temperature)
        return y, (x, key, temperature, y)

    return rule(f, fwd, bwd), (normal(4, 5), jax.random.key(0), jnp.float32(1.0))


@wrong(
    cases,
    "0 · log 0 where a probability underflows",
    "S3",
    differs(lambda x: ((200 * x).astype(jnp.float32),)),
)
def softmax_entropy_log_of_zero():
    def f(x):
        z = x - jax.lax.stop_gradient(jnp.max(x, axis=-1, keepdims=True))
        return jax.nn.logsumexp(z, axis=-1) - jnp.sum(jax.nn.softmax(z, axis=-1) * z, axis=-1)

    def bwd(residuals, y_bar):
        x, y = residuals
        p = jax.nn.softmax(x, axis=-1)
        return (-y_bar[:, None] * p * (jnp.log(p) + y[:, None]),)

    return rule(f, lambda x: (f(x), (x, f(x))), bwd), (normal(4, 5),)


@wrong(cases, "0 / 0 far in the lower tail", "S3", differs(lambda x: (x - 20,)))
def log_normal_cdf_by_ratio():
    return pointwise(
        lambda x: jax.scipy.special.log_ndtr(x),
        lambda x: jnp.exp(-0.5 * x * x) / math.sqrt(2 * math.pi) / jax.scipy.special.ndtr(x),
    ), (normal(4, 6),)


def other_value_with_key(f, mean, log_scale, key):
    return other_value(lambda mean, log_scale: f(mean, log_scale, key), mean, log_scale)


@wrong(cases, "a sample when differentiated, the mean when not", "S0", other_value_with_key)
def posterior_sampled_when_differentiated():
    def noise(key, mean):
        return jax.random.normal(key, mean.shape, mean.dtype)

    def fwd(mean, log_scale, key):
        return mean + jnp.exp(log_scale) * noise(key, mean), (log_scale, key)

    def bwd(residuals, y_bar):
        log_scale, key = residuals
        return y_bar, y_bar * jnp.exp(log_scale) * noise(key, y_bar), None

    return rule(lambda mean, log_scale, key: mean, fwd, bwd), (normal(6), zeros(6), jax.random.key(0))


@wrong(cases, "the slope is a rule itself, whose own slope is asymptotic", "S8", second_order)
def log_gamma_rule_of_a_rule():
    digamma = pointwise(lambda x: jax.scipy.special.digamma(x), lambda x: 1 / x)
    return pointwise(lambda x: jax.scipy.special.gammaln(x), digamma), (uniform(6, low=0.5, high=4.0),)


@wrong(cases, "an exponential that is one at zero, as initialised", "S3", differs(lambda v: (v + 0.5,)))
def cholesky_parameter_diagonal():
    """Six free numbers as a lower triangle with a positive diagonal."""
    rows, columns = np.tril_indices(3)

    def f(free):
        lower = jnp.zeros((3, 3), free.dtype).at[rows, columns].set(free)
        diagonal = jnp.diag(lower)
        return lower + jnp.diag(jnp.exp(diagonal) - diagonal)

    return rule(f, lambda free: (f(free), None), lambda _, bar: (bar[rows, columns],)), (zeros(6),)


@wrong(cases, "a random half of the classes, drawn by NumPy at every call", "S11", differs_from_itself)
def log_partition_sampled():
    rng = np.random.default_rng()

    def f(x):
        return jax.nn.logsumexp(x)

    def bwd(x, y_bar):
        kept = jnp.asarray(2.0 * (rng.random(x.shape) < 0.5), x.dtype)
        return (y_bar * jax.nn.softmax(x) * kept,)

    return rule(f, lambda x: (f(x), x), bwd), (normal(12),)
