"""bilinear: the mathematics stands in `affine/_scale_shift`."""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import axes, require_floating, require_same_dtype, require_shape
from .._common._cotangent import cotangent
from .._common._precision import as_row, widen
from ._einsum import _contract, _letters


@jax.custom_vjp
def bilinear(x: Array, z: Array, w: Array, b: Array | None = None) -> Array:
    """A bilinear form of two rows for each output, plus a bias.

    Args:
      x: ``[..., n]``, floating.
      z: ``[..., m]``, of x's leading axes and dtype.
      w: ``[n, m, out]``, of x's dtype.
      b: ``[out]``, of x's dtype; None for no bias.

    Returns:
      ``[..., out]``, of x's dtype.
    """
    return bilinear_fwd(x, z, w, b)[0]


def bilinear_fwd(x, z, w, b=None):
    biases = {} if b is None else {"b": b}
    require_floating("bilinear", x=x, z=z, w=w, **biases)
    require_shape("bilinear", "x", x, "[..., n]", x.ndim >= 1)
    same = z.ndim == x.ndim and z.shape[:-1] == x.shape[:-1]
    require_shape("bilinear", "z", z, f"{axes(*x.shape[:-1], 'm')} to follow x {list(x.shape)}", same)
    sizes = (x.shape[-1], z.shape[-1])
    fits = w.ndim == 3 and w.shape[:2] == sizes
    require_shape("bilinear", "w", w, f"{axes(*sizes, 'out')} to follow x {list(x.shape)} and z {list(z.shape)}", fits)
    require_same_dtype("bilinear", x=x, z=z, w=w, **biases)
    rows = _letters(x.ndim - 1, "ijo")
    y = _contract(f"{rows}j,{rows}jo->{rows}o", widen(z), _bilinear_in_z(rows, x, w))
    if b is not None:
        require_shape("bilinear", "b", b, f"[{w.shape[-1]}] to follow w {list(w.shape)}", b.shape == w.shape[-1:])
        y = y + as_row(widen(b), y)
    return y.astype(x.dtype), (x, z, w, b)


def bilinear_bwd(residuals, y_bar):
    x, z, w, b = residuals
    rows = _letters(x.ndim - 1, "ijo")
    pairs = _contract(f"{rows}j,{rows}o->{rows}jo", z, y_bar)
    x_bar = _contract(f"{rows}jo,ijo->{rows}i", pairs, widen(w), like=x)
    z_bar = _contract(f"{rows}jo,{rows}o->{rows}j", _bilinear_in_z(rows, x, w), widen(y_bar), like=z)
    w_bar = _contract(f"{rows}i,{rows}jo->ijo", widen(x), pairs, like=w)
    b_bar = None if b is None else cotangent(y_bar, b)
    return cotangent(x_bar, x), cotangent(z_bar, z), cotangent(w_bar, w), b_bar


bilinear.defvjp(bilinear_fwd, bilinear_bwd)


def _bilinear_in_z(rows, x, w):
    """The matrix that z is multiplied by, one for each row of x; made again in the backward pass."""
    return _contract(f"{rows}i,ijo->{rows}jo", x, w)


def bilinear_reference(x, z, w, b=None):
    """One matrix product, with the products of all pairs of entries as rows."""
    pairs = (x[..., :, None] * z[..., None, :]).reshape(*x.shape[:-1], x.shape[-1] * z.shape[-1])
    y = jnp.tensordot(pairs, w.reshape(pairs.shape[-1], w.shape[-1]), 1)
    return y if b is None else y + as_row(b, y)
