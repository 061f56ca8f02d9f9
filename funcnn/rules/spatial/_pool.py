r"""Pools: the largest entry or the mean of each window.

Forward, for one spatial axis, window entries k, stride s, dilation d, padding p before the first position
    max_pool   y[b, i, c] = max_k x[b, s i + d k - p, c]      x is -inf outside its range   x [batch, *space, channels]
    avg_pool   y[b, i, c] = Σ_k x[b, s i + k - p, c] / count[i]   x is 0 outside its range  y [batch, *places, channels]

    count[i] is the number of the window's entries, or of those inside x only.

Backward, with first[b, i, c] the first entry k of the window, inside x, that is as large as the largest
    max_pool   x_bar[b, j, c] = Σ y_bar[b, i, c]              over all i with s i + d first[b, i, c] - p = j
    avg_pool   x_bar[b, j, c] = Σ y_bar[b, i, c] / count[i]   over all i, k with s i + k - p = j

Derivation
    max_pool: first does not change under a small dx, so dy[i] = dx[s i + d first[i] - p].
    avg_pool: y is linear in x, so dy[i] = Σ_k dx[s i + k - p] / count[i].
    Both are sums of entries of dx, each times a number. ⟨y_bar, dy⟩, its terms collected by the entry dx[j] that they
    meet, is ⟨x_bar, dx⟩.

Residuals
    max_pool keeps first, one byte a place (two, if the window has more than 256 entries): less than x, and it makes the
    backward pass a few comparisons. avg_pool keeps nothing but x's token, which has no bytes: it says the sizes of space.

Edges
    Of equal entries the first takes the cotangent, first in row-major order, the last spatial axis fastest. In max_pool NaN
    is larger than anything, and any entry of x, -inf too, comes before padding. A window over nothing but padding gives
    -inf with index -1, or the mean 0. Where windows overlap, x_bar is added up in float32 if x is of half precision, and
    rounded once.

Source
    Zhou & Chellappa, "Computation of optical flow using a neural network", 1988 (max); LeCun et al., "Backpropagation
    applied to handwritten zip code recognition", 1989 (mean).

What the rules give beyond autodiff: autodiff of `jax.lax.reduce_window` keeps x and searches every window again on the way
back, which on a CPU takes several times as long. Here the work grows with the number of the window's entries: up to some
hundred that is less. Alone, max_pool compares about a fifth more often than autodiff of its own forward, and takes up to
a tenth longer.
"""

import math
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._common._checks import require_bool
from .._common._cotangent import cotangent, token
from .._common._precision import widen
from ._window import Padding, Sizes, each, geometry, reaches, require_space


@partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3, 4, 5))
def max_pool(
    x: Array,
    window: Sizes,
    stride: Sizes | None = None,
    padding: Padding = "VALID",
    dilation: Sizes = 1,
    return_indices: bool = False,
) -> Any:
    """The largest entry of each window.

    Args:
      x: ``[batch, *space, channels]`` with one, two or three spatial axes, floating.
      window: its size, for every axis or for each.
      stride: steps between places, for every axis or for each; None for the window's size.
      padding: ``"SAME"``, ``"VALID"``, or the number of entries of -inf (before, after) for each axis.
      dilation: steps between a window's entries, for every axis or for each.
      return_indices: whether to say where each came from, for `max_unpool`.

    Returns:
      ``[batch, *places, channels]``, of x's dtype. Of equal entries the first takes the cotangent; NaN is the largest.
      With return_indices a pair: these, and the number of each in its own spatial axes, counted row by row as PyTorch
      does, int32 of the same shape.

    Raises:
      TypeError: x is not floating, or return_indices is not a bool.
      ValueError: the shape or options do not fit, or the window is larger than the padded input.

    Example:
      >>> max_pool(jnp.ones((1, 8, 8, 3)), 2).shape
      (1, 4, 4, 3)
    """
    return max_pool_fwd(x, window, stride, padding, dilation, return_indices)[0]


def max_pool_fwd(x, window, stride, padding, dilation, return_indices):
    slide = _geometry("max_pool", x, window, stride, padding, dilation)
    require_bool("max_pool", return_indices=return_indices)
    entries = _under_window(x, -np.inf, slide)
    y = next(entries)
    first = jnp.zeros_like(y, np.min_scalar_type(math.prod(slide.window) - 1)) + _first_inside(y, slide)
    for k, entry in enumerate(entries, 1):
        larger = (entry > y) | ((entry != entry) & (y == y))
        y, first = jnp.where(larger, entry, y), jnp.where(larger, k, first)
    return (y, _indices(first, x, slide)) if return_indices else y, (first, token(x))


def max_pool_bwd(window, stride, padding, dilation, return_indices, residuals, y_bar):
    first, like_x = residuals
    slide = _geometry("max_pool", like_x, window, stride, padding, dilation)
    y_bar = widen(y_bar[0] if return_indices else y_bar)
    parts = (jnp.where(first == k, y_bar, 0) for k in range(math.prod(slide.window)))
    return (cotangent(_put_back(parts, like_x.shape[1:-1], slide), like_x),)


max_pool.defvjp(max_pool_fwd, max_pool_bwd)


def max_pool_reference(x, window, stride=None, padding="VALID", dilation=1, return_indices=False):
    """One axis after the other, the entries of each window gathered; each index by comparing all of x with y."""
    slide = _geometry("max_pool", x, window, stride, padding, dilation)
    y, n = x, math.prod(x.shape[1:-1])
    at = jnp.broadcast_to(jnp.arange(n, dtype=jnp.int32).reshape(1, *x.shape[1:-1], 1), x.shape)
    for axis, along in enumerate(zip(*slide, strict=True), 1):
        y, at = _gathered(y, -jnp.inf, axis, *along), _gathered(at, n, axis, *along)
        largest = jnp.max(y, axis + 1, keepdims=True)
        y, at = jnp.max(y, axis + 1), jnp.min(jnp.where(y == largest, at, n), axis + 1)
    return (y, jnp.where(at == n, -1, at)) if return_indices else y


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
      TypeError: x is not floating, or count_padding is not a bool.
      ValueError: the shape or options do not fit, or the window is larger than the padded input.

    Example:
      >>> avg_pool(jnp.ones((1, 8, 8, 3)), 3, stride=2, padding="SAME", count_padding=False).shape
      (1, 4, 4, 3)
    """
    return avg_pool_fwd(x, window, stride, padding, count_padding)[0]


def avg_pool_fwd(x, window, stride, padding, count_padding):
    slide = _geometry("avg_pool", x, window, stride, padding)
    require_bool("avg_pool", count_padding=count_padding)
    total = reduce(jnp.add, _under_window(widen(x), 0, slide))
    return (total / _count(x, slide, count_padding)).astype(x.dtype), token(x)


def avg_pool_bwd(window, stride, padding, count_padding, like_x, y_bar):
    slide = _geometry("avg_pool", like_x, window, stride, padding)
    share = widen(y_bar) / _count(like_x, slide, count_padding)
    x_bar = _put_back([share] * math.prod(slide.window), like_x.shape[1:-1], slide)
    return (cotangent(x_bar, like_x),)


avg_pool.defvjp(avg_pool_fwd, avg_pool_bwd)


def avg_pool_reference(x, window, stride=None, padding="VALID", count_padding=True):
    """One axis after the other, the entries of each window gathered; ones are pooled beside x to count those inside."""
    slide = _geometry("avg_pool", x, window, stride, padding)
    inside = jnp.ones_like(x)
    for axis, along in enumerate(zip(*slide, strict=True), 1):
        x, inside = (jnp.sum(_gathered(a, 0, axis, *along), axis + 1) for a in (x, inside))
    return x / (math.prod(slide.window) if count_padding else jnp.maximum(inside, 1))


def _under_window(x, outside, slide):
    """What lies under each entry of the window at every place, from the first entry to the last."""
    x = lax.pad(x, x.dtype.type(outside), ((0, 0, 0), *((lo, hi, 0) for lo, hi in slide.padding), (0, 0, 0)))
    steps = list(zip(x.shape[1:-1], reaches(slide.window, slide.dilation), slide.stride, strict=True))
    for k in np.ndindex(*slide.window):
        start = [i * d for i, d in zip(k, slide.dilation, strict=True)]
        end = (i + (n - r) // s * s + 1 for i, (n, r, s) in zip(start, steps, strict=True))
        yield lax.slice(x, (0, *start, 0), (x.shape[0], *end, x.shape[-1]), (1, *slide.stride, 1))


def _put_back(parts, sizes, slide):
    """The transpose of `_under_window`: what each entry of the window has at every place, added up where it lay."""
    laid_out = []
    for k, part in zip(np.ndindex(*slide.window), parts, strict=True):
        around = []
        for i, n, m, _, s, (lo, _), d in zip(k, sizes, part.shape[1:-1], *slide, strict=True):
            before, spread = i * d - lo, s * (m - 1) + 1
            around.append((before, n - before - spread, s - 1))
        laid_out.append(lax.pad(part, part.dtype.type(0), ((0, 0, 0), *around, (0, 0, 0))))
    return reduce(jnp.add, laid_out)


def _first_inside(y, slide):
    """The number of each window's first entry that does not lie before x, ``[1, *places, 1]``."""
    first = np.zeros((), int)
    for m, size, s, (lo, _), d in zip(y.shape[1:-1], *slide, strict=True):
        along = np.clip((lo - s * np.arange(m) + d - 1) // d, 0, size - 1)
        first = np.add.outer(first * size, along)
    return first[None, ..., None].astype(np.min_scalar_type(math.prod(slide.window) - 1))


def _indices(first, x, slide):
    """The number of each window's entry ``first`` in the spatial axes of x; -1 if it lies outside of them."""
    indices, inside = 0, True
    entry = jnp.unravel_index(first.astype(jnp.int32), slide.window)
    for axis, (k, n, _, s, (lo, _), d) in enumerate(zip(entry, x.shape[1:-1], *slide, strict=True), 1):
        at = s * lax.broadcasted_iota(jnp.int32, first.shape, axis) + d * k - lo
        indices, inside = indices * n + at, inside & (at >= 0) & (at < n)
    return jnp.where(inside, indices, -1)


def _gathered(x, outside, axis, size, step, padding, dilation):
    """The entries of each window along one axis, in an axis of their own behind it."""
    lo, hi = padding
    n, reach = x.shape[axis], dilation * (size - 1) + 1
    here = np.arange(-lo, n + hi - reach + 1, step)[:, None] + dilation * np.arange(size)
    inside = np.expand_dims((here >= 0) & (here < n), (*range(axis), *range(axis + 2, x.ndim + 1)))
    return jnp.where(inside, jnp.take(x, np.clip(here, 0, n - 1), axis), outside)


def _count(x, slide, count_padding):
    """The entries that each mean is divided by, one number or ``[1, *places, 1]``."""
    if count_padding:
        return math.prod(slide.window)
    inside = []
    for n, size, step, (lo, hi), _ in zip(x.shape[1:-1], *slide, strict=True):
        start = np.arange(0, n + lo + hi - size + 1, step) - lo
        inside.append(np.maximum(np.minimum(start + size, n) - np.maximum(start, 0), 0))
    count = np.maximum(reduce(np.multiply.outer, inside), 1)
    return jnp.asarray(count[None, ..., None], widen(x).dtype)


class _Slide(NamedTuple):
    """How a window slides: one entry a spatial axis."""

    window: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]


def _geometry(rule, x, window, stride, padding, dilation=1):
    require_space(rule, x)
    window = each(rule, "window", window, x.ndim - 2)
    return _Slide(window, *geometry(rule, x, window, window if stride is None else stride, padding, dilation))
