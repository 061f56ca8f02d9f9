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

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import axes, require_floating, require_same_dtype, require_shape
from .._common._cotangent import placement, unbroadcast
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
    scale_bar = None if scale is None else unbroadcast(y_bar * widen(x), scale)
    shift_bar = None if shift is None else unbroadcast(y_bar, shift)
    return unbroadcast(x_bar, x), scale_bar, shift_bar


scale_shift.defvjp(scale_shift_fwd, scale_shift_bwd)


def scale_shift_reference(x, scale, shift=None):
    scale = jnp.ones(x.shape[-1], x.dtype) if scale is None else scale
    y = jnp.einsum("...n,n->...n", x, scale)
    return y if shift is None else y + jnp.broadcast_to(shift, x.shape)


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
    b_bar = None if b is None else unbroadcast(y_bar, b)
    return unbroadcast(x_bar, x), unbroadcast(z_bar, z), unbroadcast(w_bar, w), b_bar


bilinear.defvjp(bilinear_fwd, bilinear_bwd)


def _bilinear_in_z(rows, x, w):
    """The matrix that z is multiplied by, one for each row of x; made again in the backward pass."""
    return _contract(f"{rows}i,ijo->{rows}jo", x, w)


def bilinear_reference(x, z, w, b=None):
    """One matrix product, with the products of all pairs of entries as rows."""
    pairs = (x[..., :, None] * z[..., None, :]).reshape(*x.shape[:-1], x.shape[-1] * z.shape[-1])
    y = jnp.tensordot(pairs, w.reshape(pairs.shape[-1], w.shape[-1]), 1)
    return y if b is None else y + as_row(b, y)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def einsum(x: Array, w: Array, equation: str) -> Array:
    """The contraction of an array with one weight.

    Args:
      x: floating, of the equation's first term.
      w: of the second term, and of x's dtype.
      equation: as `jax.numpy.einsum` has it, with two terms and an arrow: ``"...d,dhk->...hk"``. ``...`` may stand in the
        first term and the result. Every index of x is in w or in the result, every index of w in x or in the result.

    Returns:
      The equation's result, of x's dtype.

    Raises:
      ValueError: the equation is not of that form, or does not fit the shapes.

    Example:
      >>> rules.einsum(jnp.ones((2, 5, 6)), jnp.ones((6, 3, 4)), "...d,dhk->...hk").shape
      (2, 5, 3, 4)
    """
    return einsum_fwd(x, w, equation)[0]


def einsum_fwd(x, w, equation):
    require_floating("einsum", x=x, w=w)
    require_same_dtype("einsum", x=x, w=w)
    ix, iw, iy = _terms(equation, x, w)
    return _contract(f"{ix},{iw}->{iy}", x, w).astype(x.dtype), (x, w)


def einsum_bwd(equation, residuals, y_bar):
    x, w = residuals
    ix, iw, iy = _terms(equation, x, w)
    x_bar = _contract(f"{iy},{iw}->{ix}", y_bar, w, like=x)
    w_bar = _contract(f"{ix},{iy}->{iw}", x, y_bar, like=w)
    return unbroadcast(x_bar, x), unbroadcast(w_bar, w)


einsum.defvjp(einsum_fwd, einsum_bwd)


def einsum_reference(x, w, equation):
    """Both arrays spread over all indices, multiplied, and summed over those that do not stay."""
    ix, iw, iy = _terms(equation, x, w)
    gone = "".join(i for i in ix if i not in iy)
    every = iy + gone

    def spread(a, indices):
        order = sorted(range(a.ndim), key=lambda axis: every.index(indices[axis]))
        return jnp.transpose(a, order).reshape([a.shape[indices.index(i)] if i in indices else 1 for i in every])

    return jnp.sum(spread(x, ix) * spread(w, iw), axis=tuple(range(len(iy), len(every))))


def _contract(equation, *arrays, like=None):
    """The contraction, accumulated in float32 at least; placed on an Explicit mesh as ``like`` is."""
    placed = None if like is None else placement(like)
    return jnp.einsum(equation, *arrays, preferred_element_type=widen(arrays[0]).dtype, out_sharding=placed)


def _letters(n, taken):
    """n letters that are not taken."""
    return "".join([c for c in map(chr, range(ord("a"), ord("z") + 1)) if c not in taken][:n])


def _terms(equation, x, w):
    """The indices of x, of w and of the result, with letters for the dots.

    Raises:
      ValueError: see `einsum`.
    """
    terms, _, result = equation.replace(" ", "").partition("->")
    match = (*terms.split(","), result)
    plain = [term.replace("...", "", 1) for term in match]
    dotted = [term != bare for term, bare in zip(match, plain, strict=True)]
    letters = all(bare.isalpha() or not bare for bare in plain)
    if "->" not in equation or len(match) != 3 or not letters or dotted[1] or dotted[0] != dotted[2]:
        raise ValueError(f"einsum: equation must be like '...d,dhk->...hk', got {equation!r}")
    named = len(plain[0])
    dots = _letters(max(x.ndim - named, 0), equation)
    ix, iw, iy = (term.replace("...", dots) for term in match)
    for name, indices, others in (("x", ix, iw + iy), ("w", iw, ix + iy), ("the result", iy, ix + iw)):
        if len({*indices}) < len(indices) or not {*indices} <= {*others}:
            raise ValueError(
                f"einsum: equation must have each index of {name} once, and elsewhere too, got {equation!r}"
            )
    sizes = {}
    for name, a, indices in (("x", x, ix), ("w", w, iw)):
        fits = a.ndim == len(indices) and all(
            sizes.setdefault(i, n) == n for i, n in zip(indices, a.shape, strict=True)
        )
        require_shape("einsum", name, a, f"of the sizes of {equation!r}", fits)
    return ix, iw, iy
