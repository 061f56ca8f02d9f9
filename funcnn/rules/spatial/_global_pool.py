r"""Global pools: the largest entry or the mean of each channel over the whole space.

Forward, j over the n entries of space
    global_max_pool   y[b, c] = max_j x[b, j, c]         x [batch, *space, channels]   y [batch, channels]
    global_avg_pool   y[b, c] = Σ_j x[b, j, c] / n

Backward, with j* the first entry of space that is as large as the largest
    global_max_pool   x_bar[b, j, c] = y_bar[b, c]       where j = j*[b, c], elsewhere 0
    global_avg_pool   x_bar[b, j, c] = y_bar[b, c] / n

Derivation
    dy = dx[j*], as j* does not change under a small dx; or Σ_j dx[j] / n. Each is a sum over j of dx[j] times the number
    that y_bar is multiplied by.

Residuals
    global_max_pool keeps j*, one int32 a channel. global_avg_pool keeps nothing. x[:0] has no bytes: it only remembers the
    sizes of space.

Edges
    Of equal entries the first takes the cotangent, as in `max_pool`, where `jnp.max` shares it out. NaN is larger than
    anything. Half precision is averaged in float32 and rounded once.

Source
    Lin, Chen & Yan, "Network in network", 2014, section 3.2.

What the rules give beyond autodiff: a third of the memory in a scan, since autodiff of the maximum keeps x and compares it
with y again. j* is looked for in one row of space, the first whose largest entry is y; so with two or three axes of space
the pool takes less time too; with one axis, no more.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._precision import widen
from ._window import require_space


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def global_max_pool(x: Array, keepdims: bool = False) -> Array:
    """The largest entry of each channel.

    Args:
      x: ``[batch, *space, channels]`` with one, two or three spatial axes, floating.
      keepdims: whether the spatial axes stay, with size 1.

    Returns:
      ``[batch, channels]``, of x's dtype. Of equal entries the first takes the cotangent; NaN is the largest.
    """
    return global_max_pool_fwd(x, keepdims)[0]


def global_max_pool_fwd(x, keepdims):
    require_space("global_max_pool", x)
    largest_of_rows = jnp.max(x, _space(x)[1:], keepdims=True)  # [batch, n0, 1 …, channels]: x is looked at once
    y = jnp.max(largest_of_rows, 1, keepdims=True)
    row = _first(largest_of_rows, y)
    first = row * math.prod(x.shape[2:-1]) + _first(jnp.take_along_axis(x, row, 1), y)
    return y if keepdims else jnp.squeeze(y, _space(x)), (first, x[:0])


def global_max_pool_bwd(keepdims, residuals, y_bar):
    first, empty = residuals
    y_bar = y_bar if keepdims else jnp.expand_dims(y_bar, _space(empty))
    return (jnp.where(first == _number(empty), y_bar, 0),)


global_max_pool.defvjp(global_max_pool_fwd, global_max_pool_bwd)


def global_max_pool_reference(x, keepdims=False):
    return jnp.max(x, tuple(range(1, x.ndim - 1)), keepdims=keepdims)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def global_avg_pool(x: Array, keepdims: bool = False) -> Array:
    """The mean of each channel; arguments as for `global_max_pool`."""
    return global_avg_pool_fwd(x, keepdims)[0]


def global_avg_pool_fwd(x, keepdims):
    require_space("global_avg_pool", x)
    return jnp.mean(widen(x), _space(x), keepdims=keepdims).astype(x.dtype), x[:0]


def global_avg_pool_bwd(keepdims, empty, y_bar):
    share = widen(y_bar if keepdims else jnp.expand_dims(y_bar, _space(empty))) / math.prod(empty.shape[1:-1])
    return (jnp.broadcast_to(share.astype(y_bar.dtype), (y_bar.shape[0], *empty.shape[1:])),)


global_avg_pool.defvjp(global_avg_pool_fwd, global_avg_pool_bwd)


def global_avg_pool_reference(x, keepdims=False):
    n = math.prod(x.shape[1:-1])
    y = jnp.tensordot(jnp.full(n, 1 / n, x.dtype), x.reshape(x.shape[0], n, x.shape[-1]), ((0,), (1,)))
    return jnp.expand_dims(y, tuple(range(1, x.ndim - 1))) if keepdims else y


def _first(x, y):
    """The number of the first entry of space that equals y or is NaN, ``[batch, 1 …, channels]``."""
    number = _number(x)
    return jnp.min(jnp.where((x == y) | (x != x), number, number.size), _space(x), keepdims=True)


def _number(x):
    """The entries of space, counted from 0: ``[1, *space, 1]``."""
    space = x.shape[1:-1]
    return jnp.arange(math.prod(space), dtype=jnp.int32).reshape(1, *space, 1)


def _space(x):
    return tuple(range(1, x.ndim - 1))
