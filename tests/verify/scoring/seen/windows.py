"""Wrong rules of convolutions, pools, upsampling, padding and running reductions."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, ones, rule, uniform, wrong
from tests.helpers.witness import differs

cases: list[Case] = []

TAPS = tuple((i, j) for i in range(3) for j in range(3))


@wrong(cases, "the square kernel's cotangent transposed", "S2", differs())
def conv2d_kernel_bar_transposed():
    """Three by three taps, no padding, one channel."""

    def patches(x):
        height, width = x.shape[0] - 2, x.shape[1] - 2
        return jnp.stack([x[i : i + height, j : j + width] for i, j in TAPS], axis=-1)

    def f(x, kernel):
        return patches(x) @ kernel.reshape(9)

    def bwd(residuals, y_bar):
        x, kernel = residuals
        height, width = y_bar.shape
        x_bar = jnp.zeros_like(x)
        for i, j in TAPS:
            x_bar = x_bar.at[i : i + height, j : j + width].add(kernel[i, j] * y_bar)
        kernel_bar = jnp.einsum("hwt,hw->t", patches(x), y_bar)
        return x_bar, kernel_bar.reshape(3, 3).T

    return rule(f, lambda x, kernel: (f(x, kernel), (x, kernel)), bwd), (normal(5, 6), normal(3, 3, seed=1))


@wrong(cases, "padded in front again, where the adjoint pads behind", "S2", differs())
def depthwise_causal_padded_in_front():
    """[time, channels], three taps a channel."""

    def late(x, lag):
        return jnp.pad(x, ((lag, 0), (0, 0)))[: len(x)]

    def f(x, kernel):
        return sum(kernel[lag][None, :] * late(x, lag) for lag in range(3))

    def bwd(residuals, y_bar):
        x, kernel = residuals
        return f(y_bar, kernel), jnp.stack([jnp.sum(y_bar * late(x, lag), axis=0) for lag in range(3)])

    return rule(f, lambda x, kernel: (f(x, kernel), (x, kernel)), bwd), (normal(7, 2), normal(3, 2, seed=1))


@wrong(cases, "divides a partial window by four too", "S9", differs(lambda x: (normal(5, 7),)))
def avg_pool_2d_partial_window():
    """Means of two by two; at an odd border of what is there."""

    def sums(x):
        x = jnp.pad(x, ((0, x.shape[0] % 2), (0, x.shape[1] % 2)))
        return jnp.sum(x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2), axis=(1, 3))

    def f(x):
        return sums(x) / sums(jnp.ones_like(x))

    def bwd(x, y_bar):
        spread = jnp.repeat(jnp.repeat(y_bar / 4, 2, axis=0), 2, axis=1)
        return (spread[: x.shape[0], : x.shape[1]],)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6),)


@wrong(cases, "full gradient to every entry of a tie", "S5", differs(lambda x: (jnp.maximum(x, 1.0),)))
def max_pool_2d_every_tie():
    def windows(x):
        return x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2)

    def f(x):
        return jnp.max(windows(x), axis=(1, 3))

    def bwd(x, y_bar):
        hits = windows(x) == f(x)[:, None, :, None]
        return (jnp.where(hits, y_bar[:, None, :, None], 0).astype(x.dtype).reshape(x.shape),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6),)


@wrong(cases, "filled up with zeros in place of −inf: wrong for negative borders", "S3", differs(lambda x: (x - 2,)))
def max_pool_zero_padded():
    """The largest of a pixel and its two neighbours."""

    def windows(x, fill):
        padded = jnp.pad(x, 1, constant_values=fill)
        return jnp.stack([padded[i : i + len(x)] for i in range(3)])

    def f(x):
        return jnp.max(windows(x, -jnp.inf), axis=0)

    def bwd(x, y_bar):
        seen = windows(x, 0.0)
        hits = (seen == jnp.max(seen, axis=0)[None, :]).astype(x.dtype)
        shares = hits / jnp.sum(hits, axis=0, keepdims=True) * y_bar[None, :]
        padded = jnp.zeros(len(x) + 2, x.dtype)
        for i in range(3):
            padded = padded.at[i : i + len(x)].add(shares[i])
        return (padded[1:-1],)

    return rule(f, lambda x: (f(x), x), bwd), (uniform(8, low=0.1),)


@wrong(cases, "the two axes of a block exchanged", "S2", differs())
def pixel_shuffle_block_transposed():
    """Four channels to blocks of two by two."""

    def f(x):
        height, width, _ = x.shape
        return x.reshape(height, width, 2, 2).transpose(0, 2, 1, 3).reshape(2 * height, 2 * width)

    def bwd(_, y_bar):
        height, width = y_bar.shape[0] // 2, y_bar.shape[1] // 2
        blocks = y_bar.reshape(height, 2, width, 2).transpose(0, 2, 3, 1)
        return (blocks.reshape(height, width, 4),)

    return rule(f, lambda x: (f(x), None), bwd), (normal(2, 3, 4),)


@wrong(cases, "one doubling too few unless the length is a power of two", "S9", differs(lambda x: (normal(7),)))
def running_mean_by_doubling():
    def counts(x):
        return jnp.arange(1, len(x) + 1).astype(x.dtype)

    def f(x):
        return jnp.cumsum(x) / counts(x)

    def bwd(_, y_bar):
        later = y_bar / counts(y_bar)
        for i in range(int(math.log2(len(later)))):
            later = later + jnp.pad(later, (0, 2**i))[2**i :]
        return (later,)

    return rule(f, lambda x: (f(x), None), bwd), (normal(8),)


@wrong(cases, "places kept in uint8 wrap beyond 255", "S10", differs(lambda x: (normal(3, 1000),)))
def range_places_in_uint8():
    """The largest less the smallest of each row; the residual is meant to be small."""

    def f(x):
        return jnp.max(x, axis=-1) - jnp.min(x, axis=-1)

    def fwd(x):
        places = jnp.stack([jnp.argmax(x, axis=-1), jnp.argmin(x, axis=-1)])
        return f(x), (places.astype(jnp.uint8), jnp.zeros_like(x))

    def bwd(residuals, y_bar):
        (high, low), nothing = residuals
        rows = jnp.arange(len(nothing))
        return (nothing.at[rows, high].add(y_bar).at[rows, low].add(-y_bar),)

    return rule(f, fwd, bwd), (normal(4, 6),)


@wrong(cases, "the gradient of the kernel centralised, as an optimiser would", "S2", differs())
def pointwise_conv_bar_centralised():
    """One by one taps: [pixels, channels] to [pixels, filters], with a gain a filter."""

    def f(x, kernel, gain):
        return (x @ kernel) * gain[None, :]

    def bwd(residuals, y_bar):
        x, kernel, gain = residuals
        z_bar = y_bar * gain[None, :]
        kernel_bar = x.T @ z_bar
        centralised = kernel_bar - jnp.mean(kernel_bar, axis=0, keepdims=True)
        return z_bar @ kernel.T, centralised, jnp.sum(y_bar * (x @ kernel), axis=0)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(5, 3), normal(3, 4, seed=1), ones(4))


@wrong(cases, "kernel flipped", "S2", differs())
def convolve_kernel_not_flipped():
    """A one-dimensional "same" convolution with three taps."""

    def f(x, kernel):
        return jnp.convolve(x, kernel, mode="same", precision="highest")

    def bwd(residuals, y_bar):
        x, kernel = residuals
        kernel_bar = jnp.convolve(jnp.pad(y_bar, 1), x[::-1], mode="valid", precision="highest")
        return f(y_bar, kernel), kernel_bar

    return rule(f, lambda x, kernel: (f(x, kernel), (x, kernel)), bwd), (normal(9), normal(3, seed=1))


@wrong(cases, "divides by the whole window at the padded border", "S2", differs())
def avg_pool_border():
    """A mean over a pixel and its neighbours, padding not counted."""

    def sums(x):
        return jax.lax.reduce_window(x, np.zeros((), x.dtype), jax.lax.add, (3,), (1,), "SAME")

    def f(x):
        return sums(x) / sums(jnp.ones_like(x))

    return rule(f, lambda x: (f(x), None), lambda _, y_bar: (sums(y_bar) / 3,)), (uniform(8),)


@wrong(cases, "the remainder of a strided window padded on the wrong side", "S9", differs(lambda x, k: (normal(10), k)))
def strided_convolution_remainder():
    """Three taps, stride two, no padding."""

    def windows(x):
        starts = 2 * np.arange((len(x) - 3) // 2 + 1)
        return x[starts[:, None] + np.arange(3)[None, :]]

    def f(x, kernel):
        return windows(x) @ kernel

    def bwd(residuals, y_bar):
        x, kernel = residuals
        places = 2 * np.arange(len(y_bar))[:, None] + np.arange(3)[None, :]
        full = jnp.zeros(2 * len(y_bar) + 1, x.dtype).at[places].add(y_bar[:, None] * kernel[None, :])
        return jnp.pad(full, (len(x) - len(full), 0)), windows(x).T @ y_bar

    return rule(f, lambda x, kernel: (f(x, kernel), (x, kernel)), bwd), (normal(9), normal(3, seed=1))


@wrong(cases, "the reflected copies get no gradient", "S2", differs())
def reflect_pad_as_zero_pad():
    def f(x):
        return jnp.pad(x, 2, mode="reflect")

    return rule(f, lambda x: (f(x), None), lambda _, y_bar: (y_bar[2:-2],)), (normal(6),)


@wrong(cases, "mean in place of a sum over the copies", "S2", differs())
def upsample_mean():
    """Nearest upsampling by two."""

    def f(x):
        return jnp.repeat(x, 2, axis=1)

    def bwd(_, y_bar):
        return (jnp.mean(y_bar.reshape(y_bar.shape[0], -1, 2), axis=2),)

    return rule(f, lambda x: (f(x), None), bwd), (normal(3, 5),)
