r"""Upsampling: more places along each spatial axis, by repetition or by interpolation.

Forward, one spatial axis after the other, f the factor, n and n f the numbers of entries of x and y along the axis
    nearest   y[i] = x[floor(i / f)]                             x [batch, *space, channels]
    linear    y = A x, A[i, j] = max(0, 1 - |c - j|)             y [batch, *(f space), channels]
              with c = (i + 1/2) / f - 1/2, no less than 0 and no more than n - 1

    In linear, entry j of x stands at j + 1/2 and place i of y at (i + 1/2) / f: PyTorch's ``align_corners=False``, and
    `jax.image.resize`.

Backward, one spatial axis after the other
    nearest   x_bar[j] = Σ y_bar[i]                              over the f places of x[j]
    linear    x_bar = Aᵀ y_bar

Derivation
    y is linear in x along each axis: y = A x, in nearest with A[i, j] = 1 where j = floor(i / f), and 0 elsewhere.
    A matrix moves to the other side of ⟨·,·⟩ as its transpose: ⟨y_bar, A dx⟩ = ⟨Aᵀ y_bar, dx⟩.
    In nearest, (Aᵀ y_bar)[j] is the sum of y_bar over the i with floor(i / f) = j. The axes do not depend on each other, so
    that their order may be any.

Residuals
    None of x's entries: A is a constant. x's token has no bytes: it says the sizes of space.

Edges
    The map is smooth. In y = A x an infinite or NaN entry also meets the zeros of A, and 0 · inf is NaN: it makes NaN of
    the places along its axes that do not depend on it. In nearest it stays where it is. Half precision is accumulated in
    float32 and rounded once.

Source
    Keys, "Cubic convolution interpolation for digital image processing", 1981, section II (interpolation by a kernel).

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
from ._window import Sizes, along_space, each, require_space


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def upsample(x: Array, factor: Sizes, method: str = "nearest") -> Array:
    """More places along each spatial axis, by a whole factor.

    Args:
      x: ``[batch, *space, channels]`` with one, two or three spatial axes, floating.
      factor: places of y for one entry of x, along every axis or along each.
      method: ``"nearest"`` repeats the entries; ``"linear"`` interpolates between their centres (bilinear in the plane,
        trilinear in space), and beyond the outermost centres repeats these.

    Returns:
      ``[batch, *(factor space), channels]``, of x's dtype.

    Raises:
      TypeError: x is not floating.
      ValueError: the shape or an option does not fit.

    Example:
      >>> upsample(jnp.array([[[0.0], [4.0]]]), 2, "linear").tolist()
      [[[0.0], [1.0], [3.0], [4.0]]]
    """
    return upsample_fwd(x, factor, method)[0]


def upsample_fwd(x, factor, method):
    require_space("upsample", x)
    factor = each("upsample", "factor", factor, x.ndim - 2)
    if method not in {"nearest", "linear"}:
        raise ValueError(f"upsample: method must be 'nearest' or 'linear', got {method!r}")
    if method == "linear":
        matrices = [_interpolation(n, f) for n, f in zip(x.shape[1:-1], factor, strict=True)]
        return along_space(matrices, widen(x)).astype(x.dtype), token(x)
    y = x
    for axis, f in enumerate(factor, 1):
        y = jnp.repeat(y, f, axis)
    return y, token(x)


def upsample_bwd(factor, method, like_x, y_bar):
    factor = each("upsample", "factor", factor, y_bar.ndim - 2)
    y_bar = widen(y_bar)
    if method == "linear":
        transposed = [_interpolation(n, f).T for n, f in zip(like_x.shape[1:-1], factor, strict=True)]
        return (cotangent(along_space(transposed, y_bar), like_x),)
    places = (1, *factor, 1)
    return (cotangent(lax.reduce_window(y_bar, y_bar.dtype.type(0), lax.add, places, places, "VALID"), like_x),)


upsample.defvjp(upsample_fwd, upsample_bwd)


def upsample_reference(x, factor, method="nearest"):
    """One axis after the other, each place from the two entries around it."""
    for axis, f in enumerate(each("upsample", "factor", factor, x.ndim - 2), 1):
        n = x.shape[axis]
        centre = (np.arange(n * f) + 0.5) / f - 0.5
        if method == "nearest":
            x = jnp.take(x, np.rint(centre).astype(int), axis)
            continue
        before = np.floor(centre).astype(int)
        t = jnp.asarray(np.expand_dims(centre - before, tuple(i for i in range(x.ndim) if i != axis)), x.dtype)
        at = lambda j, axis=axis, n=n, x=x: jnp.take(x, np.clip(j, 0, n - 1), axis)
        x = (1 - t) * at(before) + t * at(before + 1)
    return x


def _interpolation(n, factor):
    """A: the matrix that interpolates linearly between n entries."""
    i, j = np.ogrid[: n * factor, :n]
    centre = np.clip((i + 0.5) / factor - 0.5, 0, n - 1)
    return np.maximum(0, 1 - np.abs(centre - j))
