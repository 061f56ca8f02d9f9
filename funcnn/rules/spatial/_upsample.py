r"""Changing the number of places along the spatial axes, to a size or by a factor.

Forward, one spatial axis after the other
    adaptive_avg_pool   y = A x, A[i, j] = 1 / (b - a) where a ≤ j < b            x [batch, *space, channels]
                        with a = floor(i n / m), b = ceil((i + 1) n / m)          y [batch, *sizes, channels]
    upsample, nearest   y[i] = x[floor(i / f)]
    upsample, linear    y = A x, A[i, j] = max(0, 1 - |c - j|)
                        with c = (i + 1/2) / f - 1/2, no less than 0 and no more than n - 1

    n is the number of x's entries along the axis, m that of y's, f the factor. In linear, entry j of x stands at j + 1/2
    and place i of y at (i + 1/2) / f: PyTorch's ``align_corners=False``, and `jax.image.resize`.

Backward
    x_bar = Aᵀ y_bar                                                              one axis after the other
    x_bar[j] = Σ y_bar[i]                                                         over the f places of x[j], in nearest

Derivation
    y is linear in x along each axis, and a matrix moves to the other side of ⟨·,·⟩ as its transpose.

Residuals
    None: A is a constant. adaptive_avg_pool keeps x[:0], which has no bytes: it only remembers the sizes of space.

Edges
    None: the maps are smooth. In y = A x an infinite or NaN entry also meets the zeros of A, and 0 · inf is NaN: it makes
    NaN of the places along its axes that do not see it. In nearest it stays where it is. Half precision is accumulated in
    float32 and rounded once.

Source
    He et al., "Spatial pyramid pooling in deep convolutional networks", 2014, section 2.3 (bins); Keys, "Cubic
    convolution interpolation for digital image processing", 1981, section II (interpolation by a kernel).

What the rules give beyond autodiff: they keep nothing and are no faster. They are here to be read: going back is the same
matrices, turned over.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._common._precision import widen
from ._window import Sizes, _along_space, each, require_space


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
        return _along_space(matrices, widen(x)).astype(x.dtype), None
    y = x
    for axis, f in enumerate(factor, 1):
        y = jnp.repeat(y, f, axis)
    return y, None


def upsample_bwd(factor, method, _, y_bar):
    factor = each("upsample", "factor", factor, y_bar.ndim - 2)
    if method == "linear":
        turned = [_interpolation(m // f, f).T for m, f in zip(y_bar.shape[1:-1], factor, strict=True)]
        return (_along_space(turned, widen(y_bar)).astype(y_bar.dtype),)
    places = (1, *factor, 1)
    x_bar = lax.reduce_window(widen(y_bar), widen(y_bar).dtype.type(0), lax.add, places, places, "VALID")
    return (x_bar.astype(y_bar.dtype),)


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
        t = jnp.asarray(np.expand_dims(centre - before, [i for i in range(x.ndim) if i != axis]), x.dtype)
        at = lambda j, axis=axis, n=n, x=x: jnp.take(x, np.clip(j, 0, n - 1), axis)
        x = (1 - t) * at(before) + t * at(before + 1)
    return x


def _interpolation(n, factor):
    """The matrix that interpolates linearly between n entries."""
    i, j = np.ogrid[: n * factor, :n]
    centre = np.clip((i + 0.5) / factor - 0.5, 0, n - 1)
    return np.maximum(0, 1 - np.abs(centre - j))
