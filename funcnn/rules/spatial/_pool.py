r"""Pools: the largest entry or the mean of each window.

Forward, for one spatial axis, window entries k, stride s, padding p before the first position
    max_pool   y[b, i, c] = max_k x[b, s i + k - p, c]        x is -inf outside its range   x [batch, *space, channels]
    avg_pool   y[b, i, c] = Σ_k x[b, s i + k - p, c] / count[i]   x is 0 outside its range  y [batch, *places, channels]

    count[i] is the number of the window's entries, or of those inside x only.

Backward, with first[b, i, c] the first entry k of the window that is as large as the largest
    max_pool   x_bar[b, j, c] = Σ y_bar[b, i, c]              over all i with s i + first[b, i, c] - p = j
    avg_pool   x_bar[b, j, c] = Σ y_bar[b, i, c] / count[i]   over all i, k with s i + k - p = j

Derivation
    max_pool: first does not change under a small dx, so dy[i] = dx[s i + first[i] - p].
    avg_pool: y is linear in x, so dy[i] = Σ_k dx[s i + k - p] / count[i].
    Both are sums of entries of dx, each times a number. ⟨y_bar, dy⟩, its terms collected by the entry dx[j] that they
    meet, is ⟨x_bar, dx⟩.

Residuals
    max_pool keeps first, one byte a place (two, if the window has more than 256 entries): less than x, and it makes the
    backward pass a few comparisons. avg_pool keeps nothing but x's token, which has no bytes: it says the sizes of space.

Edges
    Of equal entries the first takes the cotangent, first in row-major order, the last spatial axis fastest. In max_pool NaN
    is larger than anything, and padding is an entry of -inf: in a window of nothing but -inf the cotangent may fall on it,
    and is lost. A window over nothing but padding gives -inf, or the mean 0. Where windows overlap, x_bar is added up in
    float32 if x is of half precision, and rounded once.

Source
    Zhou & Chellappa, "Computation of optical flow using a neural network", 1988 (max); LeCun et al., "Backpropagation
    applied to handwritten zip code recognition", 1989 (mean).

What the rules give beyond autodiff: autodiff of `jax.lax.reduce_window` keeps x and searches every window again on the way
back, which on a CPU takes several times as long. Here the work grows with the number of the window's entries: up to some
hundred that is less.
"""

import math
from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._common._cotangent import cotangent, token
from .._common._precision import widen
from ._window import Padding, Sizes, each, geometry, require_space


@partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def max_pool(x: Array, window: Sizes, stride: Sizes | None = None, padding: Padding = "VALID") -> Array:
    """The largest entry of each window.

    Args:
      x: ``[batch, *space, channels]`` with one, two or three spatial axes, floating.
      window: its size, for every axis or for each.
      stride: steps between places, for every axis or for each; None for the window's size.
      padding: ``"SAME"``, ``"VALID"``, or the number of entries of -inf (before, after) for each axis.

    Returns:
      ``[batch, *places, channels]``, of x's dtype. Of equal entries the first takes the cotangent; NaN is the largest.

    Raises:
      TypeError: x is not floating.
      ValueError: the shape or options do not fit, or the window is larger than the padded input.

    Example:
      >>> max_pool(jnp.ones((1, 8, 8, 3)), 2).shape
      (1, 4, 4, 3)
    """
    return max_pool_fwd(x, window, stride, padding)[0]


def max_pool_fwd(x, window, stride, padding):
    window, stride, padding = _geometry("max_pool", x, window, stride, padding)
    entries = _under_window(x, -np.inf, window, stride, padding)
    y = next(entries)
    first = jnp.zeros_like(y, np.min_scalar_type(math.prod(window) - 1))
    for k, entry in enumerate(entries, 1):
        larger = (entry > y) | ((entry != entry) & (y == y))
        y, first = jnp.where(larger, entry, y), jnp.where(larger, k, first)
    return y, (first, token(x))


def max_pool_bwd(window, stride, padding, residuals, y_bar):
    first, like_x = residuals
    window, stride, padding = _geometry("max_pool", like_x, window, stride, padding)
    parts = (jnp.where(first == k, widen(y_bar), 0) for k in range(math.prod(window)))
    x_bar = _put_back(parts, like_x.shape[1:-1], window, stride, padding)
    return (cotangent(x_bar, like_x),)


max_pool.defvjp(max_pool_fwd, max_pool_bwd)


def max_pool_reference(x, window, stride=None, padding="VALID"):
    """One axis after the other, the entries of each window gathered."""
    window, stride, padding = _geometry("max_pool", x, window, stride, padding)
    for axis, along in enumerate(zip(window, stride, padding, strict=True), 1):
        x = jnp.max(_gathered(x, -jnp.inf, axis, *along), axis + 1)
    return x


@partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3, 4))
def avg_pool(
    x: Array, window: Sizes, stride: Sizes | None = None, padding: Padding = "VALID", count_padding: bool = True
) -> Array:
    """The mean of each window.

    Args:
      x: ``[batch, *space, channels]`` with one, two or three spatial axes, floating.
      window: its size, for every axis or for each.
      stride: steps between places, for every axis or for each; None for the window's size.
      padding: ``"SAME"``, ``"VALID"``, or the number of zeros (before, after) for each axis.
      count_padding: whether these zeros count, as PyTorch's ``count_include_pad``.

    Returns:
      ``[batch, *places, channels]``, of x's dtype; 0 for a window over nothing but padding.

    Raises:
      TypeError: x is not floating.
      ValueError: the shape or options do not fit, or the window is larger than the padded input.

    Example:
      >>> avg_pool(jnp.ones((1, 8, 8, 3)), 3, stride=2, padding="SAME", count_padding=False).shape
      (1, 4, 4, 3)
    """
    return avg_pool_fwd(x, window, stride, padding, count_padding)[0]


def avg_pool_fwd(x, window, stride, padding, count_padding):
    window, stride, padding = _geometry("avg_pool", x, window, stride, padding)
    total = reduce(jnp.add, _under_window(widen(x), 0, window, stride, padding))
    return (total / _count(x, window, stride, padding, count_padding)).astype(x.dtype), token(x)


def avg_pool_bwd(window, stride, padding, count_padding, like_x, y_bar):
    window, stride, padding = _geometry("avg_pool", like_x, window, stride, padding)
    share = widen(y_bar) / _count(like_x, window, stride, padding, count_padding)
    x_bar = _put_back([share] * math.prod(window), like_x.shape[1:-1], window, stride, padding)
    return (cotangent(x_bar, like_x),)


avg_pool.defvjp(avg_pool_fwd, avg_pool_bwd)


def avg_pool_reference(x, window, stride=None, padding="VALID", count_padding=True):
    """One axis after the other, the entries of each window gathered; ones are pooled beside x to count those inside."""
    window, stride, padding = _geometry("avg_pool", x, window, stride, padding)
    inside = jnp.ones_like(x)
    for axis, along in enumerate(zip(window, stride, padding, strict=True), 1):
        x, inside = (jnp.sum(_gathered(a, 0, axis, *along), axis + 1) for a in (x, inside))
    return x / (math.prod(window) if count_padding else jnp.maximum(inside, 1))


def _under_window(x, outside, window, stride, padding):
    """What lies under each entry of the window at every place, from the first entry to the last."""
    x = lax.pad(x, x.dtype.type(outside), ((0, 0, 0), *((lo, hi, 0) for lo, hi in padding), (0, 0, 0)))
    reach = [(n - k) // s * s + 1 for n, k, s in zip(x.shape[1:-1], window, stride, strict=True)]
    for k in np.ndindex(*window):
        end = (i + r for i, r in zip(k, reach, strict=True))
        yield lax.slice(x, (0, *k, 0), (x.shape[0], *end, x.shape[-1]), (1, *stride, 1))


def _put_back(parts, sizes, window, stride, padding):
    """The transpose of `_under_window`: what each entry of the window has at every place, added up where it lay."""
    laid_out = []
    for k, part in zip(np.ndindex(*window), parts, strict=True):
        around = []
        for i, n in enumerate(sizes):
            before, spread = k[i] - padding[i][0], stride[i] * (part.shape[i + 1] - 1) + 1
            around.append((before, n - before - spread, stride[i] - 1))
        laid_out.append(lax.pad(part, part.dtype.type(0), ((0, 0, 0), *around, (0, 0, 0))))
    return reduce(jnp.add, laid_out)


def _gathered(x, outside, axis, size, step, padding):
    """The entries of each window along one axis, in an axis of their own behind it."""
    lo, hi = padding
    n = x.shape[axis]
    here = np.arange(-lo, n + hi - size + 1, step)[:, None] + np.arange(size)
    inside = np.expand_dims((here >= 0) & (here < n), (*range(axis), *range(axis + 2, x.ndim + 1)))
    return jnp.where(inside, jnp.take(x, np.clip(here, 0, n - 1), axis), outside)


def _count(x, window, stride, padding, count_padding):
    """The entries that each mean is divided by, one number or ``[1, *places, 1]``."""
    if count_padding:
        return math.prod(window)
    inside = []
    for n, size, step, (lo, hi) in zip(x.shape[1:-1], window, stride, padding, strict=True):
        start = np.arange(0, n + lo + hi - size + 1, step) - lo
        inside.append(np.maximum(np.minimum(start + size, n) - np.maximum(start, 0), 0))
    count = np.maximum(reduce(np.multiply.outer, inside), 1)
    return jnp.asarray(count[None, ..., None], widen(x).dtype)


def _geometry(rule, x, window, stride, padding):
    """Window, stride and padding as one entry a spatial axis."""
    require_space(rule, x)
    window = each(rule, "window", window, x.ndim - 2)
    stride, padding, _ = geometry(rule, x, window, window if stride is None else stride, padding)
    return window, stride, padding
