"""Wrong rules of normalizations over groups, instances, rows and neighbourhoods."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, ones, rule, uniform, wrong, zeros
from tests.helpers.witness import differs

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


@wrong(cases, "epsilon inside the root in one pass, outside in the other", "S3", differs(lambda x: (1e-3 * x,)))
def instance_norm_epsilon_place():
    """Every channel of every example over its pixels: [batch, channels, pixels]."""

    def centred_of(x):
        return x - jnp.mean(x, axis=-1, keepdims=True)

    def f(x):
        centred = centred_of(x)
        return centred * jax.lax.rsqrt(jnp.mean(centred**2, axis=-1, keepdims=True) + 1e-5)

    def bwd(x, y_bar):
        centred = centred_of(x)
        r = 1 / (jnp.sqrt(jnp.mean(centred**2, axis=-1, keepdims=True)) + 1e-5)
        y = centred * r
        along = jnp.mean(y_bar * y, axis=-1, keepdims=True)
        return (r * (y_bar - jnp.mean(y_bar, axis=-1, keepdims=True) - y * along),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(2, 3, 5),)


@wrong(cases, "projection missing", "S2", differs())
def l2_normalize_without_projection():
    def f(x):
        return x * jax.lax.rsqrt(jnp.sum(x * x, axis=-1, keepdims=True) + 1e-12)

    def bwd(x, y_bar):
        return (y_bar * jax.lax.rsqrt(jnp.sum(x * x, axis=-1, keepdims=True) + 1e-12),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6),)


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
