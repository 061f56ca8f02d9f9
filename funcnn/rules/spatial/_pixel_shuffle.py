r"""Pixel shuffle: channels become places, and back.

Forward, with f a factor for each spatial axis and r = 0 … f - 1 (for several axes a number for each)
    pixel_shuffle     y[b, f i + r, c] = x[b, i, (c, r)]    x [batch, *space, channels Πf]   y [batch, *(f space), channels]
    pixel_unshuffle   y[b, i, (c, r)] = x[b, f i + r, c]    x [batch, *(f space), channels]  y [batch, *space, channels Πf]

    (c, r) counts r fastest, along the last axis first, so channel c's places lie side by side: PyTorch's order, with
    channels last.

Backward
    Each is the other's backward pass: x_bar = pixel_unshuffle(y_bar), and x_bar = pixel_shuffle(y_bar).

Derivation
    y has the entries of x in another order: y = P x with a permutation P. ⟨y_bar, P dx⟩ = ⟨Pᵀ y_bar, dx⟩, and the transpose
    of a permutation is its inverse. The inverse of pixel_shuffle is pixel_unshuffle, and the other way round.

Residuals
    Nothing is saved but a token, an array without elements, of x's placement on a mesh.

Edges
    There are no kinks: every entry is moved, as it is. y_bar has x's dtype already, so that nothing is left to round.

Source
    Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
    network", 2016, eq. 4.

What the rules give beyond autodiff: nothing but the sentence above; time and memory are the same.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._common._checks import require_shape
from .._common._cotangent import batch_placement, cotangent, token
from ._window import Sizes, each, require_space


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def pixel_shuffle(x: Array, factor: Sizes) -> Array:
    """Lay channels out as places: fewer channels, more places.

    Args:
      x: ``[batch, *space, channels Πf]`` with one, two or three spatial axes, floating.
      factor: f, how many times as many places y has, along every axis or along each.

    Returns:
      ``[batch, *(f space), channels]``, of x's dtype.

    Raises:
      TypeError: x is not floating.
      ValueError: the shape or the factor does not fit, or the factors do not divide the channels.

    Example:
      >>> pixel_shuffle(jnp.arange(4.0).reshape(1, 1, 1, 4), 2)[0, :, :, 0].tolist()
      [[0.0, 1.0], [2.0, 3.0]]
    """
    return pixel_shuffle_fwd(x, factor)[0]


def pixel_shuffle_fwd(x, factor):
    require_space("pixel_shuffle", x)
    factor = each("pixel_shuffle", "factor", factor, x.ndim - 2)
    n = math.prod(factor)
    require_shape("pixel_shuffle", "x", x, f"of channels divisible by {n}", x.shape[-1] % n == 0)
    return _to_places(x, factor), token(x)


def pixel_shuffle_bwd(factor, x, y_bar):
    return (cotangent(_to_channels(y_bar, each("pixel_shuffle", "factor", factor, y_bar.ndim - 2)), x),)


pixel_shuffle.defvjp(pixel_shuffle_fwd, pixel_shuffle_bwd)


def pixel_shuffle_reference(x, factor):
    """One r after the other, written to its places."""
    factor = each("pixel_shuffle", "factor", factor, x.ndim - 2)
    n = math.prod(factor)
    places = [f * m for f, m in zip(factor, x.shape[1:-1], strict=True)]
    y = jnp.zeros((x.shape[0], *places, x.shape[-1] // n), x.dtype)
    for k, r in enumerate(np.ndindex(*factor)):
        y = y.at[(slice(None), *(slice(i, None, f) for i, f in zip(r, factor, strict=True)))].set(x[..., k::n])
    return y


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def pixel_unshuffle(x: Array, factor: Sizes) -> Array:
    """Gather places into channels, as `pixel_shuffle` backwards.

    Args:
      x: ``[batch, *(f space), channels]`` with one, two or three spatial axes, floating.
      factor: f, how many times fewer places y has, along every axis or along each.

    Returns:
      ``[batch, *space, channels Πf]``, of x's dtype.

    Raises:
      TypeError: x is not floating.
      ValueError: the shape or the factor does not fit, or a factor does not divide its axis.
    """
    return pixel_unshuffle_fwd(x, factor)[0]


def pixel_unshuffle_fwd(x, factor):
    require_space("pixel_unshuffle", x)
    factor = each("pixel_unshuffle", "factor", factor, x.ndim - 2)
    fits = all(n % f == 0 for n, f in zip(x.shape[1:-1], factor, strict=True))
    require_shape("pixel_unshuffle", "x", x, f"of spatial axes divisible by {list(factor)}", fits)
    return _to_channels(x, factor), token(x)


def pixel_unshuffle_bwd(factor, x, y_bar):
    return (cotangent(_to_places(y_bar, each("pixel_unshuffle", "factor", factor, y_bar.ndim - 2)), x),)


pixel_unshuffle.defvjp(pixel_unshuffle_fwd, pixel_unshuffle_bwd)


def pixel_unshuffle_reference(x, factor):
    """One r after the other, read from its places; the channels, r by r, are then put in order."""
    factor = each("pixel_unshuffle", "factor", factor, x.ndim - 2)
    read = [x[(slice(None), *(slice(i, None, f) for i, f in zip(r, factor, strict=True)))] for r in np.ndindex(*factor)]
    order = np.arange(len(read) * x.shape[-1]).reshape(len(read), x.shape[-1]).T.reshape(-1)
    return jnp.take(jnp.concatenate(read, axis=-1), order, -1)


def _to_places(x, factor):
    """What `pixel_shuffle` computes."""
    batch, *space, channels = x.shape
    axes = len(space)
    channels //= math.prod(factor)
    x = _reshaped(x, (batch, *space, channels, *factor))
    side_by_side = [axis for i in range(axes) for axis in (1 + i, 2 + axes + i)]
    places = [n * f for n, f in zip(space, factor, strict=True)]
    return _reshaped(x.transpose(0, *side_by_side, 1 + axes), (batch, *places, channels))


def _to_channels(x, factor):
    """What `pixel_unshuffle` computes."""
    batch, *places, channels = x.shape
    axes = len(places)
    space = [n // f for n, f in zip(places, factor, strict=True)]
    x = _reshaped(x, (batch, *(n for pair in zip(space, factor, strict=True) for n in pair), channels))
    i, r = range(1, 2 * axes, 2), range(2, 2 * axes + 1, 2)
    return _reshaped(x.transpose(0, *i, 1 + 2 * axes, *r), (batch, *space, channels * math.prod(factor)))


def _reshaped(x, shape):
    return jax.lax.reshape(x, shape, out_sharding=batch_placement(x, len(shape)))
