r"""Affine maps with other weights than a matrix: a scale a feature, a bilinear form, any contraction with one weight.

Forward, Σ over the indices that are missing on the left
    scale_shift   y = s x + t                       x, y [..., n]   s, t [n], or none
    bilinear      y[o] = Σ x[i] w[i, j, o] z[j] + b[o]   x [..., n]   z [..., m]   w [n, m, k]   b [k], or none   y [..., k]
    einsum        y = contraction of x and w, as the equation has it: "...d,dhk->...hk"

Backward, rows being all entries of the leading axes
    scale_shift   x_bar = s y_bar                   s_bar = Σ_rows y_bar x            t_bar = Σ_rows y_bar
    bilinear      x_bar = Σ_jo w z y_bar            z_bar = Σ_io w x y_bar
                  w_bar = Σ_rows x z y_bar          b_bar = Σ_rows y_bar
    einsum        x_bar = contraction of y_bar and w into x's indices; w_bar = that of x and y_bar into w's

Derivation
    Each map is linear in each argument, y = Σ x w over the indices that do not stay; ⟨y_bar, Σ dx w⟩ = ⟨Σ y_bar w, dx⟩ with
    the sum over the indices that x does not have.

Residuals
    The arguments, which the caller holds anyway (of a bias only the shape is read).

Edges
    None: the maps are smooth. Empty axes give zeros. Half precision is accumulated in float32 and rounded once.

Source
    Ioffe & Szegedy, "Batch normalization", 2015 (scale and shift); Tenenbaum & Freeman, "Separating style and content with
    bilinear models", 2000, eq. 1.

What the rules give beyond autodiff: no speed; the backward pass of a contraction is a contraction, and here is which. In
a scan, bilinear keeps its arguments, where autodiff keeps a matrix a row.
"""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_same_dtype, require_shape
from .._common._cotangent import cotangent
from .._common._precision import as_row, widen


@jax.custom_vjp
def scale_shift(x: Array, scale: Array | None, shift: Array | None = None) -> Array:
    """Multiply each feature by a scale and add a shift.

    Args:
      x: ``[..., features]``, floating.
      scale: ``[features]``, of x's dtype; None for 1.
      shift: ``[features]``, of x's dtype; None for 0.

    Returns:
      ``[..., features]``, of x's dtype.
    """
    return scale_shift_fwd(x, scale, shift)[0]


def scale_shift_fwd(x, scale, shift=None):
    given = {name: a for name, a in (("scale", scale), ("shift", shift)) if a is not None}
    require_floating("scale_shift", x=x, **given)
    require_shape("scale_shift", "x", x, "[..., features]", x.ndim >= 1)
    for name, a in given.items():
        require_shape(
            "scale_shift", name, a, f"{list(x.shape[-1:])} to follow x {list(x.shape)}", a.shape == x.shape[-1:]
        )
    require_same_dtype("scale_shift", x=x, **given)
    y = widen(x)
    y = y if scale is None else as_row(widen(scale), x) * y
    y = y if shift is None else y + as_row(widen(shift), x)
    return y.astype(x.dtype), (x, scale, shift)


def scale_shift_bwd(residuals, y_bar):
    x, scale, shift = residuals
    y_bar = widen(y_bar)
    x_bar = y_bar if scale is None else as_row(widen(scale), x) * y_bar
    scale_bar = None if scale is None else cotangent(y_bar * widen(x), scale)
    shift_bar = None if shift is None else cotangent(y_bar, shift)
    return cotangent(x_bar, x), scale_bar, shift_bar


scale_shift.defvjp(scale_shift_fwd, scale_shift_bwd)


def scale_shift_reference(x, scale, shift=None):
    scale = jnp.ones(x.shape[-1], x.dtype) if scale is None else scale
    y = jnp.einsum("...n,n->...n", x, scale)
    return y if shift is None else y + jnp.broadcast_to(shift, x.shape)
