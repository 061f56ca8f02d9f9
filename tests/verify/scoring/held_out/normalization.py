"""Wrong rules of normalizations."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, ones, rule, wrong, zeros
from tests.helpers.witness import differs, worse_than_autodiff

cases: list[Case] = []


@wrong(cases, "the correction r, a constant, is left out", "S2", differs())
def batch_renorm_without_r():
    """Batch normalisation, moved to the running statistics by r and d, which have no gradient."""

    def statistics(x):
        mean = jnp.mean(x, axis=0)
        return mean, jnp.sqrt(jnp.mean((x - mean[None, :]) ** 2, axis=0) + 1e-5)

    def f(x, running_mean, running_std):
        mean, std = statistics(x)
        r = jnp.clip(jax.lax.stop_gradient(std) / running_std, 1 / 3, 3.0)
        d = jnp.clip((jax.lax.stop_gradient(mean) - running_mean) / running_std, -5.0, 5.0)
        r, d = jax.lax.stop_gradient((r, d))
        return (x - mean[None, :]) / std[None, :] * r[None, :] + d[None, :]

    def bwd(x, y_bar):
        mean, std = statistics(x)
        z = (x - mean[None, :]) / std[None, :]
        plain = y_bar - jnp.mean(y_bar, axis=0)[None, :] - z * jnp.mean(y_bar * z, axis=0)[None, :]
        return plain / std[None, :], jnp.zeros_like(mean), jnp.zeros_like(std)

    return rule(f, lambda x, *running: (f(x, *running), x), bwd), (normal(6, 4), zeros(4), 0.6 * ones(4))


@wrong(cases, "the divisor taken as a constant", "S2", differs())
def weight_over_power_iteration_constant():
    """w / uᵀwv; u and v come from a power iteration and have no gradient."""

    def f(w, u, v):
        u, v = jax.lax.stop_gradient((u, v))
        return w / (u @ w @ v)

    def bwd(residuals, y_bar):
        w, u, v = residuals
        return y_bar / (u @ w @ v), jnp.zeros_like(u), jnp.zeros_like(v)

    w = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    left, _, right = np.linalg.svd(w)
    args = tuple(map(jax.device_put, (w, left[:, 0], right[0])))
    return rule(f, lambda *args: (f(*args), args), bwd), args


@wrong(cases, "the response itself has no gradient, which a fresh γ of zero hides", "S3", differs())
def global_response_held_constant():
    """Each channel scaled by its length over the pixels, relative to the other channels' lengths."""

    def share(x):
        length = jnp.sqrt(jnp.sum(x * x, axis=(0, 1)) + 1e-6)
        return length / jnp.mean(length)

    def f(x, gamma, beta):
        return gamma[None, None, :] * x * share(x)[None, None, :] + beta[None, None, :] + x

    def bwd(residuals, y_bar):
        x, gamma = residuals
        n = share(x)
        x_bar = y_bar * (1 + gamma * n)[None, None, :]
        return x_bar, n * jnp.sum(y_bar * x, axis=(0, 1)), jnp.sum(y_bar, axis=(0, 1))

    return rule(f, lambda x, *more: (f(x, *more), (x, more[0])), bwd), (normal(4, 4, 3), zeros(3), zeros(3))


@wrong(cases, "least and greatest taken as constants", "S2", differs())
def min_max_scaling_of_constants():
    def ends(x):
        low, high = (end(x, axis=-1, keepdims=True) for end in (jnp.min, jnp.max))
        return low, high - low + 1e-6

    def f(x):
        low, width = ends(x)
        return (x - low) / width

    return rule(f, lambda x: (f(x), x), lambda x, y_bar: (y_bar / ends(x)[1],)), (normal(4, 6),)


@wrong(cases, "a mean by way of a float16 total, which overflows", "S6", worse_than_autodiff(lambda x: (x + 3000,)))
def instance_norm_f16_total():
    """Over the pixels of each picture and channel."""

    def f(x):
        z = x.astype(jnp.float32)
        z = z - jnp.mean(z, axis=(1, 2), keepdims=True)
        return (z * jax.lax.rsqrt(jnp.mean(z * z, axis=(1, 2), keepdims=True) + 1e-5)).astype(x.dtype)

    def bwd(x, y_bar):
        mean = jnp.sum(x, axis=(1, 2), keepdims=True) / (x.shape[1] * x.shape[2])
        z, bar = (x - mean).astype(jnp.float32), y_bar.astype(jnp.float32)
        rstd = jax.lax.rsqrt(jnp.mean(z * z, axis=(1, 2), keepdims=True) + 1e-5)
        z = z * rstd
        bar = bar - jnp.mean(bar, axis=(1, 2), keepdims=True) - z * jnp.mean(bar * z, axis=(1, 2), keepdims=True)
        return ((bar * rstd).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(2, 8, 8, 3, dtype=jnp.float16),)
