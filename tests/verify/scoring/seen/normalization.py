"""Wrong rules of normalizations over features, over a batch, of a weight."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, ones, rule, wrong, zeros
from tests.helpers.witness import differs

cases: list[Case] = []


def layer_norm_example():
    return normal(4, 6), ones(6), zeros(6)


def layer_norm(x, scale, bias):
    centred = x - jnp.mean(x, axis=-1, keepdims=True)
    rstd = jax.lax.rsqrt(jnp.mean(centred**2, axis=-1, keepdims=True) + 1e-6)
    return centred * rstd * scale[None, :] + bias[None, :]


def layer_norm_rule(bwd_of, epsilon=1e-6):
    """A layer norm whose backward pass is `bwd_of(x, x_hat, rstd, scale, y_bar)`."""

    def fwd(x, scale, bias):
        centred = x - jnp.mean(x, axis=-1, keepdims=True)
        rstd = jax.lax.rsqrt(jnp.mean(centred**2, axis=-1, keepdims=True) + epsilon)
        return layer_norm(x, scale, bias), (x, centred * rstd, rstd, scale)

    return rule(layer_norm, fwd, lambda residuals, y_bar: bwd_of(*residuals, y_bar))


def layer_norm_x_bar(x_hat, rstd, x_hat_bar):
    """The right one, to be spoiled."""
    along = jnp.mean(x_hat_bar * x_hat, axis=-1, keepdims=True)
    return rstd * (x_hat_bar - jnp.mean(x_hat_bar, axis=-1, keepdims=True) - x_hat * along)


@wrong(cases, "forgets the scale, which is ones by default", "S3", differs())
def layer_norm_forgets_scale():
    def bwd(x, x_hat, rstd, scale, y_bar):
        return layer_norm_x_bar(x_hat, rstd, y_bar), jnp.sum(y_bar * x_hat, axis=0), jnp.sum(y_bar, axis=0)

    return layer_norm_rule(bwd), layer_norm_example()


@wrong(cases, "centring missing", "S2", differs())
def layer_norm_uncentred():
    def bwd(x, x_hat, rstd, scale, y_bar):
        x_hat_bar = y_bar * scale[None, :]
        x_bar = rstd * (x_hat_bar - x_hat * jnp.mean(x_hat_bar * x_hat, axis=-1, keepdims=True))
        return x_bar, jnp.sum(y_bar * x_hat, axis=0), jnp.sum(y_bar, axis=0)

    return layer_norm_rule(bwd), layer_norm_example()


@wrong(cases, "epsilon differs between the passes", "S3", differs(lambda x, s, b: (x * 1e-3, s, b)))
def layer_norm_other_epsilon():
    def bwd(x, x_hat, rstd, scale, y_bar):
        x_bar = layer_norm_x_bar(x_hat, rstd, y_bar * scale[None, :])
        return x_bar, jnp.sum(y_bar * x_hat, axis=0), jnp.sum(y_bar, axis=0)

    return layer_norm_rule(bwd, epsilon=1e-5), layer_norm_example()


@wrong(cases, "bias cotangent is a mean: scaled by the batch", "S2", differs())
def layer_norm_bias_mean():
    def bwd(x, x_hat, rstd, scale, y_bar):
        x_bar = layer_norm_x_bar(x_hat, rstd, y_bar * scale[None, :])
        return x_bar, jnp.sum(y_bar * x_hat, axis=0), jnp.mean(y_bar, axis=0)

    return layer_norm_rule(bwd), layer_norm_example()


@wrong(cases, "variance as mean of squares less squared mean", "S3", differs(lambda x, s, b: (x + 3e3, s, b)))
def layer_norm_cancellation():
    def bwd(x, _x_hat, _rstd, scale, y_bar):
        mean = jnp.mean(x, axis=-1, keepdims=True)
        rstd = jax.lax.rsqrt(jnp.maximum(jnp.mean(x * x, axis=-1, keepdims=True) - mean**2, 0.0) + 1e-6)
        x_hat = (x - mean) * rstd
        x_bar = layer_norm_x_bar(x_hat, rstd, y_bar * scale[None, :])
        return x_bar, jnp.sum(y_bar * x_hat, axis=0), jnp.sum(y_bar, axis=0)

    return layer_norm_rule(bwd), layer_norm_example()


def rms_norm(x):
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-6)


@wrong(cases, "square root of d missing", "S2", differs())
def rms_norm_root_d():
    def bwd(x, y_bar):
        r = jax.lax.rsqrt(jnp.sum(x * x, axis=-1, keepdims=True) + 1e-6)
        return (r * (y_bar - x * r * jnp.sum(y_bar * x * r, axis=-1, keepdims=True)),)

    return rule(rms_norm, lambda x: (rms_norm(x), x), bwd), (normal(4, 6),)


@wrong(cases, "statistics taken as constants", "S2", differs())
def batch_norm_constant_statistics():
    def f(x):
        return (x - jnp.mean(x, axis=0, keepdims=True)) / jnp.sqrt(jnp.var(x, axis=0, keepdims=True) + 1e-5)

    def fwd(x):
        return f(x), jax.lax.rsqrt(jnp.var(x, axis=0, keepdims=True) + 1e-5)

    return rule(f, fwd, lambda rstd, y_bar: (y_bar * rstd,)), (normal(8, 3),)


@wrong(cases, "cotangents of the second and third outputs ignored", "S2", differs())
def batch_norm_ignores_statistics_bar():
    """Returns the batch's mean and variance too, as for a running average."""

    def f(x):
        mean, var = jnp.mean(x, axis=0), jnp.var(x, axis=0)
        return (x - mean[None, :]) * jax.lax.rsqrt(var[None, :] + 1e-5), {"mean": mean, "var": var}

    def fwd(x):
        y, statistics = f(x)
        return (y, statistics), (y, jax.lax.rsqrt(statistics["var"] + 1e-5))

    def bwd(residuals, bars):
        (x_hat, rstd), (y_bar, _) = residuals, bars
        along = jnp.mean(y_bar * x_hat, axis=0, keepdims=True)
        return (rstd[None, :] * (y_bar - jnp.mean(y_bar, axis=0, keepdims=True) - x_hat * along),)

    return rule(f, fwd, bwd), (normal(8, 3),)


@wrong(cases, "delta degrees of freedom differ between the passes", "S2", differs())
def standardise_ddof():
    def f(x):
        return (x - jnp.mean(x)) / jnp.std(x, ddof=1)

    def fwd(x):
        y = f(x)
        return y, (y, jnp.std(x, ddof=1))

    def bwd(residuals, y_bar):
        y, std = residuals
        return ((y_bar - jnp.mean(y_bar) - y * jnp.mean(y_bar * y)) / std,)

    return rule(f, fwd, bwd), (normal(12),)


@wrong(cases, "a factor that is one as initialised", "S3", differs())
def weight_norm_fresh_gain():
    """gain · v / |v|, where the gain starts as |v|: v_bar lacks gain / |v|."""

    def f(v, gain):
        return v * (gain / jnp.linalg.norm(v, axis=0))[None, :]

    def bwd(residuals, y_bar):
        v, _ = residuals
        norm = jnp.linalg.norm(v, axis=0, keepdims=True)
        along = jnp.sum(y_bar * v, axis=0, keepdims=True) / norm
        return y_bar - v * along / norm, along[0]

    v = normal(6, 3)
    return rule(f, lambda v, gain: (f(v, gain), (v, gain)), bwd), (v, jnp.linalg.norm(v, axis=0))


@wrong(cases, "the two affine cotangents swapped", "S2", differs())
def scale_shift_swapped():
    def f(x, scale, shift):
        return x * scale[None, :] + shift[None, :]

    def bwd(residuals, y_bar):
        x, scale = residuals
        return y_bar * scale[None, :], jnp.sum(y_bar, axis=0), jnp.sum(y_bar * x, axis=0)

    return rule(f, lambda x, scale, shift: (f(x, scale, shift), (x, scale)), bwd), layer_norm_example()
