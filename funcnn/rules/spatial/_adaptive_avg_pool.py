r"""Adaptive average pool: each spatial axis is divided into bins, as many as y has places, and y is their means.

Forward, one spatial axis after the other, n and m the numbers of entries of x and y along the axis
    y = A x, A[i, j] = 1 / (b - a) where a ≤ j < b, elsewhere 0   x [batch, *space, channels]   y [batch, *sizes, channels]
    with a = floor(i n / m), b = ceil((i + 1) n / m)

Backward, one spatial axis after the other
    x_bar = Aᵀ y_bar

Derivation
    y is linear in x along each axis, and a matrix moves to the other side of ⟨·,·⟩ as its transpose:
    ⟨y_bar, A dx⟩ = ⟨Aᵀ y_bar, dx⟩. So each entry of x receives 1 / (b - a) of the cotangent of every bin that it is in.
    The axes do not depend on each other, so that their order may be any.

Residuals
    None of x's entries: A is a constant. x's token has no bytes: it says the sizes of space.

Edges
    The map is smooth. In y = A x an infinite or NaN entry also meets the zeros of A, and 0 · inf is NaN: it makes NaN of
    the places along its axes that do not depend on it. Half precision is accumulated in float32 and rounded once.

Source
    He et al., "Spatial pyramid pooling in deep convolutional networks", 2014, section 2.3.

What the rule gives beyond autodiff: it keeps nothing and is no faster. It is here to be read: the backward
pass is the same matrices, transposed.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._common._cotangent import cotangent, token
from .._common._precision import widen
from ._window import Sizes, along_space, bins, each, require_space


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def adaptive_avg_pool(x: Array, sizes: Sizes) -> Array:
    """Divide each spatial axis into bins, as many as y has places, and take their means.

    Args:
      x: ``[batch, *space, channels]`` with one, two or three spatial axes, floating.
      sizes: places along every axis, or along each. As in PyTorch, bins overlap by an entry where their number does not
        divide the axis. Where it is larger than the axis, they repeat entries.

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
    return along_space(_bins(x, sizes), widen(x)).astype(x.dtype), token(x)


def adaptive_avg_pool_bwd(sizes, like_x, y_bar):
    transposed = [a.T for a in _bins(like_x, sizes)]
    return (cotangent(along_space(transposed, widen(y_bar)), like_x),)


adaptive_avg_pool.defvjp(adaptive_avg_pool_fwd, adaptive_avg_pool_bwd)


def adaptive_avg_pool_reference(x, sizes):
    """One axis after the other, one bin after the other."""
    for axis, m in enumerate(each("adaptive_avg_pool", "sizes", sizes, x.ndim - 2), 1):
        n = x.shape[axis]
        bins = [lax.slice_in_dim(x, i * n // m, ((i + 1) * n + m - 1) // m, axis=axis) for i in range(m)]
        x = jnp.concatenate([jnp.mean(a, axis, keepdims=True) for a in bins], axis)
    return x


def _bins(x, sizes):
    """A for each spatial axis: the matrix that takes the mean of each bin."""
    require_space("adaptive_avg_pool", x)
    matrices = []
    for n, m in zip(x.shape[1:-1], each("adaptive_avg_pool", "sizes", sizes, x.ndim - 2), strict=True):
        inside = np.array([(a <= np.arange(n)) & (np.arange(n) < b) for a, b in bins(n, m)])
        matrices.append(inside / inside.sum(1, keepdims=True))
    return matrices
