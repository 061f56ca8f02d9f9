"""Blind set A: wrong rules of normalisations and statistics."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, ones, rule, uniform, wrong, zeros
from tests.helpers.witness import differs, second_order

cases: list[Case] = []


@wrong(cases, "means taken over a channel, not over its group", "S2", differs())
def group_norm_means_per_channel():
    """Groups of two channels: [batch, channels, pixels]."""

    def split(x):
        groups = x.reshape(x.shape[0], -1, 2, x.shape[2])
        centred = groups - jnp.mean(groups, axis=(2, 3), keepdims=True)
        rstd = jax.lax.rsqrt(jnp.mean(centred**2, axis=(2, 3), keepdims=True) + 1e-5)
        return centred * rstd, rstd

    def f(x):
        return split(x)[0].reshape(x.shape)

    def bwd(residuals, y_bar):
        x_hat, rstd = residuals
        bar = y_bar.reshape(x_hat.shape)
        along = jnp.mean(bar * x_hat, axis=3, keepdims=True)
        x_bar = rstd * (bar - jnp.mean(bar, axis=3, keepdims=True) - x_hat * along)
        return (x_bar.reshape(y_bar.shape),)

    return rule(f, lambda x: (f(x), split(x)), bwd), (normal(2, 4, 3),)


@wrong(cases, "moments about zero cancel far from zero", "S3", differs(lambda x, y: (x + 3e3, y)))
def correlation_by_moments():
    """Pearson's coefficient of two samples."""

    def f(x, y):
        x, y = x - jnp.mean(x), y - jnp.mean(y)
        return jnp.sum(x * y) / jnp.sqrt(jnp.sum(x * x) * jnp.sum(y * y))

    def bwd(residuals, r_bar):
        x, y = residuals
        x_var, y_var = jnp.mean(x * x) - jnp.mean(x) ** 2, jnp.mean(y * y) - jnp.mean(y) ** 2
        r = (jnp.mean(x * y) - jnp.mean(x) * jnp.mean(y)) / jnp.sqrt(x_var * y_var)
        x_hat, y_hat = (x - jnp.mean(x)) / jnp.sqrt(x_var), (y - jnp.mean(y)) / jnp.sqrt(y_var)
        bar = r_bar / len(x)
        return bar * (y_hat - r * x_hat) / jnp.sqrt(x_var), bar * (x_hat - r * y_hat) / jnp.sqrt(y_var)

    return rule(f, lambda x, y: (f(x, y), (x, y)), bwd), (normal(12), normal(12, seed=1))


@wrong(cases, "projects where the length is floored too", "S3", differs(lambda x: (3e-4 * x,)))
def unit_rows_floor_projected():
    """Rows over their length, or over 1e-3 where that is larger."""

    def length(x):
        return jnp.maximum(jnp.sqrt(jnp.sum(x * x, axis=-1, keepdims=True)), 1e-3)

    def bwd(x, y_bar):
        y = x / length(x)
        return ((y_bar - y * jnp.sum(y * y_bar, axis=-1, keepdims=True)) / length(x),)

    return rule(lambda x: x / length(x), lambda x: (x / length(x), x), bwd), (normal(4, 6),)


@wrong(cases, "a power of the variance that is one as initialised", "S3", differs())
def batch_norm_inference_unit_variance():
    """By running statistics, which are arguments and start as zeros and ones."""

    def f(x, mean, var):
        return (x - mean[None, :]) * jax.lax.rsqrt(var + 1e-5)[None, :]

    def bwd(residuals, y_bar):
        x, mean, var = residuals
        rstd = jax.lax.rsqrt(var + 1e-5)
        var_bar = -0.5 * rstd * jnp.sum(y_bar * (x - mean[None, :]), axis=0)
        return y_bar * rstd[None, :], -rstd * jnp.sum(y_bar, axis=0), var_bar

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(8, 3), zeros(3), ones(3))


@wrong(cases, "the mean taken as a constant, which is right for the second moment only", "S2", differs())
def third_moment_mean_constant():
    def f(x):
        return jnp.mean((x - jnp.mean(x)) ** 3)

    def bwd(x, y_bar):
        return (3 * y_bar * (x - jnp.mean(x)) ** 2 / len(x),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(10),)


@wrong(cases, "the count kept in float16: infinite from 65,520 on", "S10", differs(lambda x: (normal(70_000),)))
def mean_absolute_deviation_count_f16():
    def f(x):
        return jnp.mean(jnp.abs(x - jnp.mean(x)))

    def bwd(x, y_bar):
        count = jnp.sum(jnp.ones(x.shape, jnp.float16)).astype(x.dtype)
        sign = jnp.sign(x - jnp.mean(x))
        return (y_bar * (sign - jnp.mean(sign)) / count,)

    return rule(f, lambda x: (f(x), x), bwd), (normal(24),)


@wrong(cases, "the centred numbers held constant: second order wrong", "S8", second_order)
def deviation_centred_stopped():
    def f(x):
        return jnp.sqrt(jnp.mean((x - jnp.mean(x)) ** 2) + 1e-6)

    def fwd(x):
        return f(x), (jax.lax.stop_gradient(x - jnp.mean(x)), f(x))

    return rule(f, fwd, lambda kept, y_bar: (y_bar * kept[0] / (kept[1] * kept[0].size),)), (normal(12),)


@wrong(cases, "epsilon forgotten: NaN for a constant row", "S3", differs(lambda x: (x.at[1].set(2.0),)))
def contrast_epsilon_forgotten():
    """The spread of each patch of an image."""

    def f(x):
        return jnp.sqrt(jnp.var(x, axis=-1) + 1e-5)

    def bwd(x, y_bar):
        share = y_bar / (jnp.std(x, axis=-1) * x.shape[-1])
        return ((x - jnp.mean(x, axis=-1, keepdims=True)) * share[:, None],)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 9),)


@wrong(cases, "an even window not mirrored, which the small alpha hides", "S3", differs(lambda x: (255 * x,)))
def local_response_window_not_mirrored():
    """Each channel over the energy of the channels from one before to two after, at the usual alpha and beta."""

    def window(x, before, after):
        padded = jnp.pad(x, ((0, 0), (before, after)))
        return sum(padded[:, i : i + x.shape[1]] for i in range(4)) / 4

    def base(x):
        return 1 + 1e-4 * window(x * x, 1, 2)

    def f(x):
        return x * base(x) ** -0.75

    def bwd(x, y_bar):
        back = window(y_bar * x * base(x) ** -1.75, 1, 2)
        return (y_bar * base(x) ** -0.75 - 1.5e-4 * x * back,)

    return rule(f, lambda x: (f(x), x), bwd), (uniform(4, 8),)


@wrong(
    cases,
    "a product of all numbers, which overflows for many",
    "S10",
    differs(lambda x: (uniform(4096, low=0.5, high=4.0),)),
)
def geometric_mean_by_product():
    def f(x):
        return jnp.exp(jnp.mean(jnp.log(x)))

    def bwd(x, y_bar):
        return (y_bar * jnp.prod(x) ** (1 / x.size) / (x.size * x),)

    return rule(f, lambda x: (f(x), x), bwd), (uniform(8, low=0.5, high=4.0),)
