r"""Max unpooling: each entry goes back to the place that `max_pool` took it from, among zeros.

Forward, for one image and one channel, places i of y and j of x counted row by row
    x[j] = y[i]                          for the last i with indices[i] = j      y, indices [batch, *places, channels]
    x[j] = 0                             where there is no such i                x [batch, *size, channels]

Backward
    y_bar[i] = x_bar[indices[i]]         where i is the last of its index
    y_bar[i] = 0                         elsewhere

Derivation
    x = P y, where P[j, i] is 1 if i is the last with indices[i] = j, and 0 otherwise. A matrix moves to the other side of
    ⟨·,·⟩ as its transpose: ⟨x_bar, P dy⟩ = ⟨Pᵀ x_bar, dy⟩. A column of P has a 1 at most: each place reads one entry.

Residuals
    The indices, which the caller holds, and y's token, which has no bytes.

Edges
    Where windows overlap, several places may name one entry. Then the last place counts, and all others have a cotangent
    of 0. An index outside of size, such as -1, leaves nothing anywhere.

Source
    Zeiler, Taylor & Fergus, "Adaptive deconvolutional networks for mid and high level feature learning", 2011, section 3.2.

What the rule gives beyond autodiff: it is deterministic where an index comes twice.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import are_integers, describe, require_shape
from .._common._cotangent import cotangent, token
from ._window import Sizes, each, in_each_image, require_space


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def max_unpool(y: Array, indices: Array, size: Sizes) -> Array:
    """Put each entry where `max_pool` took it from, and 0 elsewhere.

    Args:
      y: ``[batch, *places, channels]`` with one, two or three spatial axes, floating.
      indices: integers of the same shape, as ``max_pool(…, return_indices=True)`` gives them.
      size: entries of the result along every spatial axis, or along each.

    Returns:
      ``[batch, *size, channels]``, of y's dtype. Of several entries with one index the last counts.

    Raises:
      TypeError: y is not floating, or the indices are not integers.
      ValueError: the shapes or the size do not fit.

    Example:
      >>> y, indices = max_pool(jnp.array([[[1.0], [3.0], [2.0], [0.0]]]), 2, return_indices=True)
      >>> max_unpool(y, indices, 4)[0, :, 0].tolist()
      [0.0, 3.0, 2.0, 0.0]
    """
    return max_unpool_fwd(y, indices, size)[0]


def max_unpool_fwd(y, indices, size):
    require_space("max_unpool", y, "y")
    if not are_integers(indices):
        raise TypeError(f"max_unpool: indices must be an array of integers, got {describe(indices)}")
    require_shape("max_unpool", "indices", indices, f"{list(y.shape)}, the shape of y", indices.shape == y.shape)
    size = each("max_unpool", "size", size, y.ndim - 2)
    n = math.prod(size)
    x = in_each_image(lambda y, i: _read(y, _last(i, n), 0), (y, indices), size)
    return x, (token(y), indices)


def max_unpool_bwd(size, residuals, x_bar):
    del size
    like_y, indices = residuals

    def back(x_bar, i):
        last = _read(_last(i, x_bar.size), i, -1)
        return jnp.where(last == jnp.arange(i.size), _read(x_bar, i, 0), 0)

    return cotangent(in_each_image(back, (x_bar, indices), indices.shape[1:-1]), like_y), None


max_unpool.defvjp(max_unpool_fwd, max_unpool_bwd)


def max_unpool_reference(y, indices, size):
    """By the matrix P."""
    size = each("max_unpool", "size", size, y.ndim - 2)

    def times_p(y, i):
        hit = jax.nn.one_hot(i, math.prod(size), dtype=y.dtype)
        later = jnp.cumsum(hit[::-1], axis=0)[::-1] - hit
        return y @ jnp.where(later == 0, hit, 0)

    return in_each_image(times_p, (y, indices), size)


def _last(indices, n):
    """For each entry of x the last place that names it, -1 if there is none."""
    places = jnp.arange(indices.size)
    return jnp.full(n, -1, places.dtype).at[indices].max(places, mode="drop", wrap_negative_indices=False)


def _read(a, at, outside):
    return a.at[at].get(mode="fill", fill_value=outside, wrap_negative_indices=False)
