"""adaptive_avg_pool: the mathematics stands in `spatial/_upsample`."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._common._precision import widen
from ._window import Sizes, _along_space, each, require_space


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def adaptive_avg_pool(x: Array, sizes: Sizes) -> Array:
    """The means of as many bins along each spatial axis as y shall have places.

    Args:
      x: ``[batch, *space, channels]`` with one, two or three spatial axes, floating.
      sizes: places along every axis, or along each. Bins overlap by an entry where they do not divide space, and repeat
        entries where there are more of them than entries, as in PyTorch.

    Returns:
      ``[batch, *sizes, channels]``, of x's dtype.

    Raises:
      TypeError: x is not floating.
      ValueError: the shape or the sizes do not fit.

    Example:
      >>> adaptive_avg_pool(jnp.ones((1, 9, 7, 3)), (4, 1)).shape
      (1, 4, 1, 3)
    """
    return adaptive_avg_pool_fwd(x, sizes)[0]


def adaptive_avg_pool_fwd(x, sizes):
    return _along_space(_bins(x, sizes), widen(x)).astype(x.dtype), x[:0]


def adaptive_avg_pool_bwd(sizes, empty, y_bar):
    turned = [a.T for a in _bins(empty, sizes)]
    return (_along_space(turned, widen(y_bar)).astype(y_bar.dtype),)


adaptive_avg_pool.defvjp(adaptive_avg_pool_fwd, adaptive_avg_pool_bwd)


def adaptive_avg_pool_reference(x, sizes):
    """One axis after the other, one bin after the other."""
    for axis, m in enumerate(each("adaptive_avg_pool", "sizes", sizes, x.ndim - 2), 1):
        n = x.shape[axis]
        bins = [lax.slice_in_dim(x, i * n // m, ((i + 1) * n + m - 1) // m, axis=axis) for i in range(m)]
        x = jnp.concatenate([jnp.mean(a, axis, keepdims=True) for a in bins], axis)
    return x


def _bins(x, sizes):
    """For each spatial axis the matrix that takes the mean of each bin."""
    require_space("adaptive_avg_pool", x)
    matrices = []
    for n, m in zip(x.shape[1:-1], each("adaptive_avg_pool", "sizes", sizes, x.ndim - 2), strict=True):
        i, j = np.ogrid[:m, :n]
        inside = (i * n // m <= j) & (j < ((i + 1) * n + m - 1) // m)
        matrices.append(inside / inside.sum(1, keepdims=True))
    return matrices
