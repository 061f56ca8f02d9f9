r"""Upsampling: more places along each spatial axis, or fewer, by repetition or by interpolation.

Forward, one spatial axis after the other, n and m the numbers of entries of x and y along the axis
    nearest          y[i] = x[floor(i n / m)]                        x [batch, *space, channels]
    linear, cubic    y = A x,  A[i, j] = Σ K(c - k)                  y [batch, *sizes, channels]
                     over the k around c of which j is the nearest entry, with c the place of y[i] among those of x:
                     c = (i + 1/2) n / m - 1/2, or with align_corners c = i (n - 1) / (m - 1)
    linear           K(t) = 1 - |t|                                  for |t| ≤ 1, the two k around c
    cubic            K(t) = 1 - (a + 3) t² + (a + 2) |t|³            for |t| ≤ 1, of the four k around c, a = -3/4
                     K(t) = a (|t|³ - 5 t² + 8 |t| - 4)              for 1 ≤ |t| ≤ 2

    Without align_corners entry j of x stands at (j + 1/2) / n of the axis and place i of y at (i + 1/2) / m; with it the
    outermost entries stand on the outermost places. Both are PyTorch's, the former `jax.image.resize`'s too.

Backward, one spatial axis after the other
    nearest          x_bar[j] = Σ y_bar[i]                           over the places i of x[j]
    linear, cubic    x_bar = Aᵀ y_bar

Derivation
    y is linear in x along each axis: y = A x, in nearest with A[i, j] = 1 where j = floor(i n / m), and 0 elsewhere.
    A matrix moves to the other side of ⟨·,·⟩ as its transpose: ⟨y_bar, A dx⟩ = ⟨Aᵀ y_bar, dx⟩.
    In nearest, (Aᵀ y_bar)[j] is the sum of y_bar over the i with floor(i n / m) = j, which are neighbours. The axes do not
    depend on each other, so that their order may be any.

Residuals
    None of x's entries: A is a constant. x's token has no bytes: it says the sizes of space.

Edges
    The map is smooth. In y = A x an infinite or NaN entry also meets the zeros of A, and 0 · inf is NaN: it makes NaN of
    the places along its axes that do not depend on it. In nearest it stays where it is. Half precision is accumulated in
    float32 and rounded once.

Source
    Keys, "Cubic convolution interpolation for digital image processing", 1981, section II and eq. 4 (there a is free).

What the rule gives beyond autodiff: it keeps nothing and is no faster. It is here to be read: the backward
pass is the same matrices, transposed.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._common._checks import require_bool
from .._common._cotangent import cotangent, token
from .._common._precision import widen
from ._window import Sizes, along_space, each, require_space


@partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3, 4))
def upsample(
    x: Array,
    factor: Sizes | None = None,
    method: str = "nearest",
    size: Sizes | None = None,
    align_corners: bool = False,
) -> Array:
    """More places along each spatial axis, or another number of them.

    Args:
      x: ``[batch, *space, channels]`` with one, two or three spatial axes, floating.
      factor: places of y for one entry of x, along every axis or along each.
      method: ``"nearest"`` repeats the entries; ``"linear"`` interpolates between their centres (bilinear in the plane,
        trilinear in space) and ``"cubic"`` by cubic polynomials (bicubic in the plane). Beyond the outermost centres both
        repeat the outermost entries.
      size: places of y along every axis, or along each, in the place of a factor.
      align_corners: whether the outermost places of y are the outermost entries of x, as PyTorch's option of this name;
        not for ``"nearest"``.

    Returns:
      ``[batch, *(factor space), channels]`` or ``[batch, *size, channels]``, of x's dtype.

    Raises:
      TypeError: x is not floating.
      ValueError: the shape or an option does not fit, or not one of factor and size is given.

    Example:
      >>> upsample(jnp.array([[[0.0], [4.0]]]), 2, "linear").tolist()
      [[[0.0], [1.0], [3.0], [4.0]]]
      >>> upsample(jnp.array([[[0.0], [4.0]]]), size=3, method="linear", align_corners=True).tolist()
      [[[0.0], [2.0], [4.0]]]
    """
    return upsample_fwd(x, factor, method, size, align_corners)[0]


def upsample_fwd(x, factor, method, size, align_corners):
    require_space("upsample", x)
    sizes = _sizes(x, factor, size)
    _check_method(method, align_corners)
    if method != "nearest":
        return along_space(_matrices(x, sizes, method, align_corners), widen(x)).astype(x.dtype), token(x)
    y = x
    for axis, (n, m) in enumerate(zip(x.shape[1:-1], sizes, strict=True), 1):
        y = jnp.take(y, np.arange(m) * n // m, axis) if m % n else jnp.repeat(y, m // n, axis)
    return y, token(x)


def upsample_bwd(factor, method, size, align_corners, like_x, y_bar):
    x_bar, sizes = widen(y_bar), y_bar.shape[1:-1]
    if method != "nearest":
        transposed = [a.T for a in _matrices(like_x, sizes, method, align_corners)]
        return (cotangent(along_space(transposed, x_bar), like_x),)
    for axis, n in enumerate(like_x.shape[1:-1], 1):
        x_bar = _summed(x_bar, axis, n)
    return (cotangent(x_bar, like_x),)


upsample.defvjp(upsample_fwd, upsample_bwd)


def upsample_reference(x, factor=None, method="nearest", size=None, align_corners=False):
    """One axis after the other, each place from the entries around it; cubic by the polynomial of two values and slopes."""
    for axis, m in enumerate(_sizes(x, factor, size), 1):
        n = x.shape[axis]
        i = np.arange(m)
        centre = i * (n - 1) / max(m - 1, 1) if align_corners else (i + 0.5) * (n / m) - 0.5
        at = lambda j, axis=axis, n=n, x=x: jnp.take(x, np.clip(j, 0, n - 1), axis)
        if method == "nearest":
            x = at(np.array([i * n // m for i in range(m)]))
            continue
        k = np.floor(centre).astype(int)
        t = jnp.asarray(np.expand_dims(centre - k, tuple(i for i in range(x.ndim) if i != axis)), x.dtype)
        if method == "linear":
            x = (1 - t) * at(k) + t * at(k + 1)
            continue
        slope, next_slope = 0.75 * (at(k + 1) - at(k - 1)), 0.75 * (at(k + 2) - at(k))
        rise = at(k + 1) - at(k)
        x = at(k) + t * (slope + t * (3 * rise - 2 * slope - next_slope + t * (slope + next_slope - 2 * rise)))
    return x


def _summed(y_bar, axis, n):
    """The sum over the neighbours i with floor(i n / m) = j, for each j."""
    m = y_bar.shape[axis]
    if m % n == 0:
        places = tuple(m // n if i == axis else 1 for i in range(y_bar.ndim))
        return lax.reduce_window(y_bar, y_bar.dtype.type(0), lax.add, places, places, "VALID")
    start = -(-np.arange(n + 1) * m // n)
    across = tuple(i for i in range(y_bar.ndim) if i != axis)
    total = 0
    for k in range(-(-m // n)):
        i = start[:-1] + k
        mine = np.expand_dims(i < start[1:], across)
        total = total + jnp.where(mine, jnp.take(y_bar, np.minimum(i, m - 1), axis), 0)
    return total


def _matrices(x, sizes, method, align_corners):
    return [_interpolation(n, m, method, align_corners) for n, m in zip(x.shape[1:-1], sizes, strict=True)]


def _interpolation(n, m, method, align_corners):
    """A: the matrix that interpolates between n entries at m places."""
    i = np.arange(m)
    centre = i * (n - 1) / max(m - 1, 1) if align_corners else (i + 0.5) * n / m - 0.5
    before = np.floor(centre).astype(int)
    kernel, around = {"linear": (_tent, (0, 1)), "cubic": (_keys, (-1, 0, 1, 2))}[method]
    a = np.zeros((m, n))
    for k in around:
        np.add.at(a, (i, np.clip(before + k, 0, n - 1)), kernel(np.abs(centre - before - k)))
    return a


def _tent(t):
    return 1 - t


def _keys(t, a=-0.75):
    return np.where(t <= 1, 1 - (a + 3) * t**2 + (a + 2) * t**3, a * (t**3 - 5 * t**2 + 8 * t - 4))


def _sizes(x, factor, size):
    """The places of y along each spatial axis."""
    given = {name: value for name, value in (("factor", factor), ("size", size)) if value is not None}
    sizes = [each("upsample", name, value, x.ndim - 2) for name, value in given.items()]
    if len(sizes) != 1:
        raise ValueError(f"upsample: factor or size must be given, and not both, got {factor!r} and {size!r}")
    return sizes[0] if factor is None else tuple(f * n for f, n in zip(sizes[0], x.shape[1:-1], strict=True))


def _check_method(method, align_corners):
    if method not in {"nearest", "linear", "cubic"}:
        raise ValueError(f"upsample: method must be 'nearest', 'linear' or 'cubic', got {method!r}")
    require_bool("upsample", align_corners=align_corners)
    if align_corners and method == "nearest":
        raise ValueError("upsample: align_corners must be False for method 'nearest', got True")
