r"""Adaptive max pool: each spatial axis is divided into bins, as many as y has places, and y is their largest entries.

Forward, n and m the numbers of entries of x and y along a spatial axis
    y[i] = max x[j] over all j in bin i               x [batch, *space, channels]   y, first [batch, *sizes, channels]
    bin i is all j with floor(i n / m) ≤ j < ceil((i + 1) n / m), along each axis

Backward, with first[i] the first j of bin i, counted row by row, where x is as large as its largest
    x_bar[j] = Σ y_bar[i]                             over all i with first[i] = j

Derivation
    first does not change under a small dx, so dy[i] = dx[first[i]]. ⟨y_bar, dy⟩ = Σ_i y_bar[i] dx[first[i]], its terms
    collected by the entry dx[j] that they meet, is ⟨x_bar, dx⟩.

Residuals
    first, int32, in the place of x, and x's token, which has no bytes.

Edges
    Of equal entries the first takes the cotangent, first in row-major order, the last spatial axis fastest. NaN is larger
    than anything. Bins that overlap may share their largest entry. Its cotangent is added up in float32 if x is of half
    precision, and rounded once.

Source
    He et al., "Spatial pyramid pooling in deep convolutional networks", 2014, section 2.3.

What the rule gives beyond autodiff: less than x is kept, and a tie has one winner.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._common._cotangent import cotangent, token
from .._common._precision import widen
from ._window import Sizes, bins, each, in_each_image, require_space


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def adaptive_max_pool(x: Array, sizes: Sizes) -> Array:
    """Divide each spatial axis into bins, as many as y has places, and take their largest entries.

    Args:
      x: ``[batch, *space, channels]`` with one, two or three spatial axes, floating.
      sizes: places along every axis, or along each. As in PyTorch, bins overlap by an entry where their number does not
        divide the axis. Where it is larger than the axis, they repeat entries.

    Returns:
      ``[batch, *sizes, channels]``, of x's dtype. Of equal entries the first takes the cotangent; NaN is the largest.

    Raises:
      TypeError: x is not floating.
      ValueError: the shape or the sizes do not fit.

    Example:
      >>> adaptive_max_pool(jnp.ones((1, 9, 7, 3)), (4, 1)).shape
      (1, 4, 1, 3)
    """
    return adaptive_max_pool_fwd(x, sizes)[0]


def adaptive_max_pool_fwd(x, sizes):
    require_space("adaptive_max_pool", x)
    n = math.prod(x.shape[1:-1])
    y, first = x, np.broadcast_to(np.arange(n, dtype=np.int32).reshape(1, *x.shape[1:-1], 1), x.shape)
    for axis, m in enumerate(each("adaptive_max_pool", "sizes", sizes, x.ndim - 2), 1):
        largest = [_largest(y, first, n, axis, *bounds) for bounds in bins(x.shape[axis], m)]
        y, first = (jnp.concatenate(parts, axis) for parts in zip(*largest, strict=True))
    return y, (first, token(x))


def adaptive_max_pool_bwd(sizes, residuals, y_bar):
    del sizes
    first, like_x = residuals
    n = math.prod(like_x.shape[1:-1])
    back = lambda y_bar, first: jnp.zeros(n, y_bar.dtype).at[first].add(y_bar)
    return (cotangent(in_each_image(back, (widen(y_bar), first), like_x.shape[1:-1]), like_x),)


adaptive_max_pool.defvjp(adaptive_max_pool_fwd, adaptive_max_pool_bwd)


def adaptive_max_pool_reference(x, sizes):
    """One bin after the other, over all axes at once."""
    sizes = each("adaptive_max_pool", "sizes", sizes, x.ndim - 2)
    space = tuple(range(1, x.ndim - 1))
    bounds = [bins(n, m) for n, m in zip(x.shape[1:-1], sizes, strict=True)]
    bin_of = lambda place: (slice(*along[i]) for i, along in zip(place, bounds, strict=True))
    largest = [jnp.max(x[:, *bin_of(place)], space) for place in np.ndindex(*sizes)]
    return jnp.stack(largest, 1).reshape(len(x), *sizes, x.shape[-1])


def _largest(y, first, n, axis, start, end):
    """The largest entries of one bin along an axis, and where the first of them came from."""
    y, first = (lax.slice_in_dim(a, start, end, axis=axis) for a in (y, first))
    largest = jnp.max(y, axis, keepdims=True)
    return largest, jnp.min(jnp.where((y == largest) | (y != y), first, n), axis, keepdims=True)
