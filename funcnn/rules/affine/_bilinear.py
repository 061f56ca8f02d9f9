r"""The bilinear form: two rows, multiplied pair by pair of entries, plus a bias.

Forward
    y[o] = Σ_ij x[i] z[j] w[i, j, o] + b[o]     x [..., n]   z [..., m]   w [n, m, out]   b [out], or None   y [..., out]

Backward, rows being all entries of the leading axes
    x_bar[i]       = Σ_jo z[j] w[i, j, o] y_bar[o]
    z_bar[j]       = Σ_io x[i] w[i, j, o] y_bar[o]
    w_bar[i, j, o] = Σ_rows x[i] z[j] y_bar[o]
    b_bar[o]       = Σ_rows y_bar[o]

Derivation
    y is linear in each of x, z, w and b alone, so that
    dy[o] = Σ_ij (dx[i] z[j] w[i, j, o] + x[i] dz[j] w[i, j, o] + x[i] z[j] dw[i, j, o]) + db[o].
    ⟨y_bar, dy⟩ is this times y_bar[o], summed over o and the rows. There dx[i] is multiplied by x_bar[i], dz[j] by
    z_bar[j], dw[i, j, o] by w_bar[i, j, o] and db[o] by b_bar[o].

Residuals
    x, z, w and b, which the caller holds anyway (of b only the shape is read). The matrix that z is multiplied by, one a
    row, is recomputed.

Edges
    The map is smooth. n = 0 or m = 0 gives y = b; no rows give w_bar = 0 and b_bar = 0. Half precision is accumulated in
    float32 and rounded once.

Accuracy
    bilinear: value within 4 ulp, cotangents within 4; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻⁴⁰ to 2⁴⁰.

Source
    Tenenbaum & Freeman, "Separating style and content with bilinear models", 2000, eq. 1.

What the rule gives beyond autodiff: no speed. In a scan it keeps its arguments, where autodiff keeps a matrix a row.
"""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import shapes
from .._common._cotangent import cotangent
from .._common._precision import as_row, widen
from ._einsum import contract, unused_letters


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

    Raises:
      TypeError: an argument is not floating, or not of x's dtype.
      ValueError: the shapes do not fit.
    """
    return bilinear_fwd(x, z, w, b)[0]


def bilinear_fwd(x, z, w, b=None):
    shapes("bilinear", x=(x, "... n"), z=(z, "... m"), w=(w, "n m out"), b=(b, "out | None"))
    rows = unused_letters(x.ndim - 1, "ijo")
    y = contract(f"{rows}j,{rows}jo->{rows}o", widen(z), _matrix_for_z(rows, x, w))
    if b is not None:
        y = y + as_row(widen(b), y)
    return y.astype(x.dtype), (x, z, w, b)


def bilinear_bwd(residuals, y_bar):
    x, z, w, b = residuals
    rows = unused_letters(x.ndim - 1, "ijo")
    pairs = widen(z)[..., :, None] * widen(y_bar)[..., None, :]
    x_bar = contract(f"{rows}jo,ijo->{rows}i", pairs, widen(w), like=x)
    z_bar = contract(f"{rows}jo,{rows}o->{rows}j", _matrix_for_z(rows, x, w), widen(y_bar), like=z)
    w_bar = contract(f"{rows}i,{rows}jo->ijo", widen(x), pairs, like=w)
    return cotangent(x_bar, x), cotangent(z_bar, z), cotangent(w_bar, w), cotangent(y_bar, b)


bilinear.defvjp(bilinear_fwd, bilinear_bwd)


def bilinear_reference(x, z, w, b=None):
    """One matrix product, with the products of all pairs of entries as rows."""
    pairs = (x[..., :, None] * z[..., None, :]).reshape(*x.shape[:-1], x.shape[-1] * z.shape[-1])
    y = jnp.tensordot(pairs, w.reshape(pairs.shape[-1], w.shape[-1]), 1)
    return y if b is None else y + as_row(b, y)


def _matrix_for_z(rows, x, w):
    """Σ_i x[i] w[i, j, o]: for each row the matrix that z is multiplied by."""
    return contract(f"{rows}i,ijo->{rows}jo", x, w)
