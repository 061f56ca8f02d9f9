r"""Global pools: the largest entry or the mean of each channel over the whole space.

Forward, j over the n entries of space
    global_max_pool   y[b, c] = max_j x[b, j, c]         x [batch, *space, channels]   y [batch, channels]
    global_avg_pool   y[b, c] = Σ_j x[b, j, c] / n

Backward, with first[b, c] the first entry of space, in row-major order, that is as large as the largest
    global_max_pool   x_bar[b, j, c] = y_bar[b, c]       where j = first[b, c], elsewhere 0
    global_avg_pool   x_bar[b, j, c] = y_bar[b, c] / n

Derivation
    global_max_pool: first does not change under a small dx, so dy = dx[first] = Σ_j [j = first] dx[j].
    global_avg_pool: y is linear in x, so dy = Σ_j dx[j] / n.
    Both are a sum of entries of dx, each times a number; in ⟨y_bar, dy⟩ this number times y_bar is what multiplies dx[j].

Residuals
    global_max_pool keeps first, one int32 a channel of each example. global_avg_pool keeps nothing but x's token, which
    has no bytes: it says the sizes of space.

Edges
    Of equal entries the first takes the cotangent, as in `max_pool`, where `jnp.max` shares it out. NaN is larger than
    anything. Half precision is averaged in float32 and rounded once.

Source
    Lin, Chen & Yan, "Network in network", 2014, section 3.2.

What the rules give beyond autodiff: a third of the memory in a scan, since autodiff of the maximum keeps x and compares it
with y again. Only one row of space is searched for first, the first row whose largest entry is y. So the pool takes less
time with two or three spatial axes, and no more with one.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_bool
from .._common._cotangent import cotangent, token
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

    Raises:
      TypeError: x is not floating, or keepdims is not a bool.
      ValueError: the shape does not fit.
    """
    return global_max_pool_fwd(x, keepdims)[0]


def global_max_pool_fwd(x, keepdims):
    require_space("global_max_pool", x)
    require_bool("global_max_pool", keepdims=keepdims)
    largest_of_rows = jnp.max(x, _space(x)[1:], keepdims=True)  # [batch, n0, 1 …, channels]: x is read once
    y = jnp.max(largest_of_rows, 1, keepdims=True)
    row = _first(largest_of_rows, y)
    first = row * math.prod(x.shape[2:-1]) + _first(jnp.take_along_axis(x, row, 1), y)
    return y if keepdims else jnp.squeeze(y, _space(x)), (first, token(x))


def global_max_pool_bwd(keepdims, residuals, y_bar):
    first, like_x = residuals
    y_bar = y_bar if keepdims else jnp.expand_dims(y_bar, _space(like_x))
    return (cotangent(jnp.where(first == _number(like_x), y_bar, 0), like_x),)


global_max_pool.defvjp(global_max_pool_fwd, global_max_pool_bwd)


def global_max_pool_reference(x, keepdims=False):
    return jnp.max(x, tuple(range(1, x.ndim - 1)), keepdims=keepdims)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def global_avg_pool(x: Array, keepdims: bool = False) -> Array:
    """The mean of each channel.

    Args:
      x: ``[batch, *space, channels]`` with one, two or three spatial axes, floating.
      keepdims: whether the spatial axes stay, with size 1.

    Returns:
      ``[batch, channels]``, of x's dtype.

    Raises:
      TypeError: x is not floating, or keepdims is not a bool.
      ValueError: the shape does not fit.
    """
    return global_avg_pool_fwd(x, keepdims)[0]


def global_avg_pool_fwd(x, keepdims):
    require_space("global_avg_pool", x)
    require_bool("global_avg_pool", keepdims=keepdims)
    return jnp.mean(widen(x), _space(x), keepdims=keepdims).astype(x.dtype), token(x)


def global_avg_pool_bwd(keepdims, like_x, y_bar):
    share = widen(y_bar if keepdims else jnp.expand_dims(y_bar, _space(like_x))) / math.prod(like_x.shape[1:-1])
    return (cotangent(jnp.broadcast_to(share, (*like_x.shape[:-1], y_bar.shape[-1])), like_x),)


global_avg_pool.defvjp(global_avg_pool_fwd, global_avg_pool_bwd)


def global_avg_pool_reference(x, keepdims=False):
    """One product with a vector of 1 / n."""
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
