"""Wrong rules of convolutions, pools, patches, resizing and padding."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, rule, uniform, wrong
from tests.helpers.witness import differs, nonlinear, raises

cases: list[Case] = []


@wrong(cases, "the last, partial patch gets nothing back", "S9", differs(lambda x, w: (normal(10), w)))
def patches_partial_one_forgotten():
    """Patches of four, the last one filled up with zeros, times a matrix."""

    def patches(x):
        return jnp.pad(x, (0, -len(x) % 4)).reshape(-1, 4)

    def bwd(residuals, y_bar):
        x, w = residuals
        whole = len(x) // 4
        x_bar = (y_bar @ w.T)[:whole].reshape(-1)
        return jnp.pad(x_bar, (0, len(x) - 4 * whole)), patches(x).T @ y_bar

    return rule(lambda x, w: patches(x) @ w, lambda x, w: (patches(x) @ w, (x, w)), bwd), (normal(8), normal(4, 3))


@wrong(cases, "an even kernel's odd padding on the wrong side", "S9", differs(lambda x, w: (x, normal(4, seed=2))))
def dilated_convolution_even_kernel():
    """The kernel's entries three apart; as many outputs as inputs."""

    def windows(x, k):
        total = 3 * (k - 1)
        padded = jnp.pad(x, (total // 2, total - total // 2))
        return jnp.stack([padded[3 * j : 3 * j + len(x)] for j in range(k)])

    def f(x, w):
        return w @ windows(x, len(w))

    def bwd(residuals, y_bar):
        x, w = residuals
        return w[::-1] @ windows(y_bar, len(w)), windows(x, len(w)) @ y_bar

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(10), normal(3, seed=1))


@wrong(cases, "assumes that twelve is a multiple of the length", "S9", differs(lambda _: (normal(5),)))
def nearest_resize_by_whole_factor():
    """A row of any length to one of twelve, by the nearest on the left."""

    def f(x):
        return x[np.arange(12) * len(x) // 12]

    def bwd(x, y_bar):
        ids = np.arange(12) // max(12 // len(x), 1)
        return (jax.ops.segment_sum(y_bar, ids, num_segments=len(x)),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(6),)


def corners(image, at):
    """The four pixels around each place, and how far it is from the first."""
    h, w = image.shape
    y, x = jnp.clip(at[:, 0], 0, h - 1), jnp.clip(at[:, 1], 0, w - 1)
    top, left = (jnp.clip(jnp.floor(a).astype(jnp.int32), 0, max(n - 2, 0)) for a, n in ((y, h), (x, w)))
    below, after = jnp.minimum(top + 1, h - 1), jnp.minimum(left + 1, w - 1)
    return top, below, left, after, y - top.astype(y.dtype), x - left.astype(x.dtype)


@wrong(
    cases,
    "places outside the picture still get a gradient",
    "S3",
    differs(lambda image, at: (image, at.at[0].set(jnp.asarray([-1.5, 6.5], at.dtype)))),
)
def sample_at_border_still_moves():
    """Bilinear samples of a picture at places, those outside moved to its border."""

    def f(image, at):
        top, below, left, after, dy, dx = corners(image, at)
        upper = (1 - dx) * image[top, left] + dx * image[top, after]
        lower = (1 - dx) * image[below, left] + dx * image[below, after]
        return (1 - dy) * upper + dy * lower

    def bwd(residuals, y_bar):
        image, at = residuals
        top, below, left, after, dy, dx = corners(image, at)
        image_bar = jnp.zeros_like(image)
        image_bar = image_bar.at[top, left].add(y_bar * (1 - dy) * (1 - dx))
        image_bar = image_bar.at[top, after].add(y_bar * (1 - dy) * dx)
        image_bar = image_bar.at[below, left].add(y_bar * dy * (1 - dx))
        image_bar = image_bar.at[below, after].add(y_bar * dy * dx)
        a, b, c, d = image[top, left], image[top, after], image[below, left], image[below, after]
        down, right = (1 - dx) * (c - a) + dx * (d - b), (1 - dy) * (b - a) + dy * (d - c)
        return image_bar, y_bar[:, None] * jnp.stack([down, right], axis=1)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(5, 5), uniform(6, 2, low=0.3, high=3.7, seed=1))


@wrong(cases, "the two offsets exchanged", "S2", differs())
def random_crop_offsets_exchanged():
    """A square of four pixels, its place drawn from the key."""

    def offsets(image, key):
        down, right = jax.random.split(key)
        h, w = image.shape
        return jax.random.randint(down, (), 0, h - 3), jax.random.randint(right, (), 0, w - 3)

    def f(image, key):
        return jax.lax.dynamic_slice(image, offsets(image, key), (4, 4))

    def bwd(residuals, y_bar):
        image, key = residuals
        down, right = offsets(image, key)
        return jax.lax.dynamic_update_slice(jnp.zeros_like(image), y_bar, (right, down)), None

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(9, 9), jax.random.key(0))


@wrong(cases, "the gradient goes to the maximum, not to what was drawn", "S2", differs())
def stochastic_pool_bar_to_maximum():
    """One of each row of positive numbers, drawn in proportion to their size."""

    def f(x, key):
        drawn = jax.random.categorical(key, jnp.log(x), axis=-1)
        return jnp.take_along_axis(x, drawn[:, None], axis=1)[:, 0]

    def bwd(x, y_bar):
        return y_bar[:, None] * jax.nn.one_hot(jnp.argmax(x, axis=1), x.shape[1], dtype=x.dtype), None

    return rule(f, lambda x, key: (f(x, key), x), bwd), (uniform(8, 4, low=0.1), jax.random.key(1))


@wrong(cases, "the padding's corners are lost", "S2", differs())
def edge_padding_corners_lost():
    """A rim of one pixel, copied from the border."""

    def f(x):
        return jnp.pad(x, 1, mode="edge")

    def bwd(_, y_bar):
        x_bar = y_bar[1:-1, 1:-1]
        x_bar = x_bar.at[0].add(y_bar[0, 1:-1]).at[-1].add(y_bar[-1, 1:-1])
        return (x_bar.at[:, 0].add(y_bar[1:-1, 0]).at[:, -1].add(y_bar[1:-1, -1]),)

    return rule(f, lambda x: (f(x), None), bwd), (normal(4, 5),)


@wrong(cases, "0 / 0 where a whole window is zero", "S3", differs(lambda x: (x.at[1, :4].set(0.0),)))
def length_pool_of_empty_window():
    """The lengths of windows of four; the forward pass has a slope of zero at zero."""

    def f(x):
        square = jnp.sum(x.reshape(len(x), -1, 4) ** 2, axis=-1)
        return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)

    def bwd(x, y_bar):
        return (x * jnp.repeat(y_bar / f(x), 4, axis=1),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(3, 8),)


@wrong(cases, "weight decay added to the kernel's cotangent", "S1", nonlinear(1e-2))
def depthwise_kernel_decays_in_backward():
    def shifts(x, k):
        return jnp.stack([x[j : len(x) - k + 1 + j] for j in range(k)])

    def f(x, w):
        return jnp.einsum("ktc,kc->tc", shifts(x, len(w)), w)

    def bwd(residuals, y_bar):
        x, w = residuals
        k = len(w)
        spread = sum(jnp.pad(w[j][None, :] * y_bar, ((j, k - 1 - j), (0, 0))) for j in range(k))
        return spread, jnp.einsum("ktc,tc->kc", shifts(x, k), y_bar) + 1e-2 * w

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(8, 3), normal(3, 3, seed=1))


@wrong(cases, "forwards by the pixels' centres, backwards by their corners", "S2", differs())
def linear_resize_other_alignment():
    """Twice as many pixels."""

    def matrix(n, places, dtype):
        places = np.clip(places, 0, n - 1)
        return jnp.asarray(np.maximum(1 - np.abs(places[:, None] - np.arange(n)[None, :]), 0), dtype)

    def f(x):
        n = len(x)
        return matrix(n, (np.arange(2 * n) + 0.5) / 2 - 0.5, x.dtype) @ x

    def bwd(_, y_bar):
        n = len(y_bar) // 2
        return (y_bar @ matrix(n, np.linspace(0, n - 1, 2 * n), y_bar.dtype),)

    return rule(f, lambda x: (f(x), None), bwd), (normal(6),)


@wrong(cases, "the window's place as a Python number: not under jit", "S7", raises(jax.jit))
def glimpse_put_back_by_python_slice():
    """Three frames of a clip, from a given one on."""

    def f(x, start):
        return jax.lax.dynamic_slice_in_dim(x, start, 3)

    def bwd(residuals, y_bar):
        x, start = residuals
        first = min(max(int(start), 0), len(x) - 3)
        return jnp.zeros_like(x).at[first : first + 3].set(y_bar), None

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6, 2), jnp.asarray(2))


@wrong(cases, "the mean's cotangent is not spread over the pixels, which JAX refuses", "S0", raises())
def global_pool_bar_of_one_pixel():
    def f(x):
        return jnp.mean(x, axis=(1, 2))

    def bwd(x, y_bar):
        return (y_bar[:, None, None, :] / (x.shape[1] * x.shape[2]),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(2, 4, 4, 3),)
