r"""Transposed convolution over one, two or three spatial axes: each entry of x, times the window, is added to y.

Forward, for one spatial axis, one group and stride s, dilation d, padding p before the first position
    y[b, i, o] = Σ x[b, j, c] w[k, c, o]                        x [batch, *space, channels]   w [*window, channels, out]
    over all j, c, k with s j = i + d k - p                     y [batch, *places, out]

    That is x spread out by s (zeros between its entries), then an ordinary convolution.

Backward
    x_bar[b, j, c] = Σ y_bar[b, i, o] w[k, c, o]                over all i, o, k with s j = i + d k - p
    w_bar[k, c, o] = Σ y_bar[b, i, o] x[b, j, c]                over all b, i, j with s j = i + d k - p
    b_bar          = Σ y_bar                                    over batch and places

    Both are convolutions again: those of `conv`, x and y_bar exchanged. x_bar: y_bar with stride s and dilation d, the
    window turned around, channels and out exchanged. w_bar, turned around: y_bar with x as its window, batch and channels
    exchanged, stride and dilation too. Where x is padded by p, y_bar is by d (window - 1) - p, before and after.

Derivation
    y is linear in x and in w: dy is the sum above with dx in place of x, plus that with dw in place of w, plus db.
    ⟨y_bar, dy⟩ is a sum over b, c, o and all i, j, k with s j = i + d k - p. Its terms are
    y_bar[b, i, o] dx[b, j, c] w[k, c, o] and y_bar[b, i, o] x[b, j, c] dw[k, c, o]. What multiplies dx[b, j, c] is x_bar,
    what multiplies dw[k, c, o] is w_bar. Groups are the same in blocks of channels.

Residuals
    x, w and b, which the caller holds anyway (of b only the shape is read).

Edges
    The map is smooth. Half precision is accumulated in float32 and rounded once.

Source
    Zeiler, Krishnan, Taylor & Fergus, "Deconvolutional networks", 2010; Dumoulin & Visin, "A guide to convolution
    arithmetic for deep learning", 2016, chapter 4.

What the rule gives beyond autodiff: autodiff's w_bar multiplies y_bar by the zeros of the spread x as well, which is s
times the work along each axis. On a CPU, which has no fast convolution of that form, it takes some fifty times as long.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._common._cotangent import convolved_placement, cotangent, per_feature, placement
from .._common._precision import as_row, widen
from ._window import Padding, Sizes, channels_last, each, pairs, reaches, require_fit, require_weights, turned_around


@partial(jax.custom_vjp, nondiff_argnums=(3, 4, 5, 6))
def conv_transpose(
    x: Array,
    w: Array,
    b: Array | None = None,
    stride: Sizes = 1,
    padding: Padding = "SAME",
    dilation: Sizes = 1,
    groups: int = 1,
) -> Array:
    """Spread x out by the stride and slide a window over it, as `jax.lax.conv_transpose` does (no flip).

    Args:
      x: ``[batch, *space, channels]`` with one, two or three spatial axes, floating.
      w: ``[*window, channels / groups, out]``, of x's dtype.
      b: ``[out]``, of x's dtype; None for no bias.
      stride: steps in y between the entries of x, for every axis or for each.
      padding: ``"SAME"`` for stride times as many places as x has; ``"VALID"`` for all places that x reaches, and never
        less than with SAME; or the number of zeros (before, after) around the spread x, for each axis.
      dilation: steps between the entries of the window, for every axis or for each.
      groups: blocks into which channels and out are divided; each block of out depends on its block of channels only.

    Returns:
      ``[batch, *places, out]``, of x's dtype. Along an axis of n entries there are
      ``stride (n - 1) + before + after - dilation (window - 1) + 1`` places.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype.
      ValueError: the shapes or options do not fit, or the window is larger than the padded, spread x.

    PyTorch's ``ConvTranspose`` with padding p and output_padding q has here the padding
    ``(dilation (window - 1) - p, dilation (window - 1) - p + q)``. Its weight ``[channels, out, *window]`` has to be
    turned back to front along the window, and its axes put in this order.
    """
    return conv_transpose_fwd(x, w, b, stride, padding, dilation, groups)[0]


def conv_transpose_fwd(x, w, b, stride, padding, dilation, groups):
    require_weights("conv_transpose", x, w, b, groups)
    stride, padding, dilation, _ = _geometry(x, w, stride, padding, dilation)
    y = lax.conv_general_dilated(
        x, w, (1,) * len(stride), padding, lhs_dilation=stride, rhs_dilation=dilation, feature_group_count=groups,
        dimension_numbers=channels_last(x), preferred_element_type=widen(x).dtype,
        out_sharding=convolved_placement(x, w),
    )  # fmt: skip
    if b is not None:
        y = y + as_row(widen(b), y)
    return y.astype(x.dtype), (x, w, b)


def conv_transpose_bwd(stride, padding, dilation, groups, residuals, y_bar):
    x, w, b = residuals
    stride, padding, dilation, reach = _geometry(x, w, stride, padding, dilation)
    back = [(r - 1 - lo, r - 1 - hi) for r, (lo, hi) in zip(reach, padding, strict=True)]
    turned = turned_around(w, groups)
    wide = widen(x).dtype

    x_bar = lax.conv_general_dilated(
        y_bar, turned, stride, back, rhs_dilation=dilation, feature_group_count=groups,
        dimension_numbers=channels_last(x), preferred_element_type=wide, out_sharding=placement(x),
    )  # fmt: skip
    w_bar = lax.conv_general_dilated(
        jnp.swapaxes(y_bar, 0, -1), jnp.moveaxis(x, 0, -2), dilation, back, rhs_dilation=stride,
        batch_group_count=groups, dimension_numbers=channels_last(x), preferred_element_type=wide,
        out_sharding=placement(jnp.moveaxis(turned, -2, 0)),
    )  # fmt: skip
    w_bar = turned_around(jnp.moveaxis(w_bar, 0, -2), groups)
    return cotangent(x_bar, x), cotangent(w_bar, w), per_feature(y_bar, b)


conv_transpose.defvjp(conv_transpose_fwd, conv_transpose_bwd)


def conv_transpose_reference(x, w, b=None, stride=1, padding="SAME", dilation=1, groups=1):
    """The sum at the top of this page, its condition written out: for each axis, whether i, j and k belong together."""
    stride, padding, dilation, reach = _geometry(x, w, stride, padding, dilation)
    x = x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)
    w = w.reshape(*w.shape[:-1], groups, w.shape[-1] // groups)
    batch, group, channel, out, *letters = range(13)
    i, j, k = letters[:3], letters[3:6], letters[6:]
    axes = len(stride)
    together = []
    for a in range(axes):
        places = stride[a] * (x.shape[a + 1] - 1) + 1 + sum(padding[a]) - reach[a] + 1
        here, there, entry = np.ogrid[:places, : x.shape[a + 1], : w.shape[a]]
        meet = stride[a] * there == here + dilation[a] * entry - padding[a][0]
        together += [jnp.asarray(meet, x.dtype), [i[a], j[a], k[a]]]
    x_axes, w_axes = [batch, *j[:axes], group, channel], [*k[:axes], channel, group, out]
    y = jnp.einsum(x, x_axes, w, w_axes, *together, [batch, *i[:axes], group, out])
    y = y.reshape(*y.shape[:-2], y.shape[-2] * y.shape[-1])
    return y if b is None else y + as_row(b, y)


def _geometry(x, w, stride, padding, dilation):
    """Stride, padding and dilation as one entry a spatial axis, and the reach of the window."""
    rule, axes = "conv_transpose", x.ndim - 2
    stride, dilation = each(rule, "stride", stride, axes), each(rule, "dilation", dilation, axes)
    reach = reaches(w.shape[:-2], dilation)
    spread = [s * (n - 1) + 1 for n, s in zip(x.shape[1:-1], stride, strict=True)]
    padding = pairs(rule, padding, axes, lambda name: [_named(name, r, s) for r, s in zip(reach, stride, strict=True)])
    require_fit(rule, spread, padding, reach)
    return stride, padding, dilation, reach


def _named(padding, reach, stride):
    """What SAME and VALID come to along one axis; where SAME cannot be even, the odd zero goes before."""
    if padding == "VALID":
        return reach - 1, max(reach, stride) - 1
    before = reach - 1 if stride >= reach else (reach + stride - 1) // 2
    return before, reach + stride - 2 - before
