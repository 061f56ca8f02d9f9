r"""Convolution over one, two or three spatial axes, with stride, padding, dilation and groups.

Forward, for one spatial axis, one group and stride s, dilation d, padding p before the first position
    y[b, i, o] = Σ_k Σ_c x[b, s i + d k - p, c] w[k, c, o]      x [batch, *space, channels]   w [*window, channels, out]
    (x is 0 outside its range)                                  y [batch, *places, out]

Backward
    x_bar[b, j, c] = Σ y_bar[b, i, o] w[k, c, o]                over all i, k, o with s i + d k - p = j
    w_bar[k, c, o] = Σ y_bar[b, i, o] x[b, s i + d k - p, c]    over all b, i
    b_bar          = Σ y_bar                                    over batch and places

    Both are convolutions again. x_bar: y_bar spread out by s, with the window turned around and channels and out
    exchanged, dilated by d. w_bar: x with y_bar as its window, batch and channels exchanged, stride and dilation too.
    For w_bar the arrays themselves are transposed: XLA on a CPU has no fast convolution of that layout inside a loop.

Derivation
    y is linear in x and in w: dy is the sum above with dx in place of x, plus that with dw in place of w, plus db.
    ⟨y_bar, dy⟩ is a sum over b, c, o and all i, j, k with s i + d k - p = j. Its terms are
    y_bar[b, i, o] dx[b, j, c] w[k, c, o] and y_bar[b, i, o] x[b, j, c] dw[k, c, o]. What multiplies dx[b, j, c] is x_bar,
    what multiplies dw[k, c, o] is w_bar. Groups are the same in blocks of channels.

Residuals
    x, w and b, which the caller holds anyway (of b only the shape is read).

Edges
    The map is smooth. Half precision is accumulated in float32 and rounded once.

Source
    LeCun et al., "Backpropagation applied to handwritten zip code recognition", 1989; Dumoulin & Visin, "A guide to
    convolution arithmetic for deep learning", 2016, chapter 4.

What the rule gives beyond autodiff: no speed, the backward pass is the one that autodiff derives. It is here because nobody
should have to guess what the transposed padding is.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._common._cotangent import convolved_placement, cotangent, per_feature, placement
from .._common._precision import as_row, widen
from ._window import Padding, Sizes, channels_last, geometry, reaches, require_weights, turned_around


@partial(jax.custom_vjp, nondiff_argnums=(3, 4, 5, 6))
def conv(
    x: Array,
    w: Array,
    b: Array | None = None,
    stride: Sizes = 1,
    padding: Padding = "SAME",
    dilation: Sizes = 1,
    groups: int = 1,
) -> Array:
    """Slide a window over the spatial axes and multiply it by a weight at each place, as neural networks do (no flip).

    Args:
      x: ``[batch, *space, channels]`` with one, two or three spatial axes, floating.
      w: ``[*window, channels / groups, out]``, of x's dtype.
      b: ``[out]``, of x's dtype; None for no bias.
      stride: steps between places, for every axis or for each.
      padding: ``"SAME"``, ``"VALID"``, or the number of zeros (before, after) for each axis.
      dilation: steps between the entries of the window, for every axis or for each.
      groups: blocks into which channels and out are divided; each block of out depends on its block of channels only.

    Returns:
      ``[batch, *places, out]``, of x's dtype.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype.
      ValueError: the shapes or options do not fit, or the window is larger than the padded input.
    """
    return conv_fwd(x, w, b, stride, padding, dilation, groups)[0]


def conv_fwd(x, w, b, stride, padding, dilation, groups):
    require_weights("conv", x, w, b, groups)
    stride, padding, dilation = geometry("conv", x, w.shape[:-2], stride, padding, dilation)
    y = lax.conv_general_dilated(
        x, w, stride, padding, rhs_dilation=dilation, feature_group_count=groups,
        dimension_numbers=channels_last(x), preferred_element_type=widen(x).dtype,
        out_sharding=convolved_placement(x, w),
    )  # fmt: skip
    if b is not None:
        y = y + as_row(widen(b), y)
    return y.astype(x.dtype), (x, w, b)


def conv_bwd(stride, padding, dilation, groups, residuals, y_bar):
    x, w, b = residuals
    stride, padding, dilation = geometry("conv", x, w.shape[:-2], stride, padding, dilation)
    space = range(x.ndim - 2)
    window = reaches(w.shape[:-2], dilation)
    spread = [stride[i] * (y_bar.shape[i + 1] - 1) + 1 for i in space]
    before = [padding[i][0] for i in space]
    wide = widen(x).dtype

    turned = [(window[i] - 1 - before[i], x.shape[i + 1] - spread[i] + before[i]) for i in space]
    x_bar = lax.conv_general_dilated(
        y_bar, turned_around(w, groups), (1,) * len(space), turned, lhs_dilation=stride, rhs_dilation=dilation,
        feature_group_count=groups, dimension_numbers=channels_last(x), preferred_element_type=wide,
        out_sharding=placement(x),
    )  # fmt: skip
    reach = [(before[i], spread[i] + window[i] - x.shape[i + 1] - 1 - before[i]) for i in space]
    w_bar = lax.conv_general_dilated(
        jnp.swapaxes(x, 0, -1), jnp.moveaxis(y_bar, 0, -2), dilation, reach, rhs_dilation=stride,
        batch_group_count=groups, dimension_numbers=channels_last(x), preferred_element_type=wide,
        out_sharding=placement(jnp.moveaxis(w, -2, 0)),
    )  # fmt: skip
    w_bar = jnp.moveaxis(w_bar, 0, -2)
    return cotangent(x_bar, x), cotangent(w_bar, w), per_feature(y_bar, b)


conv.defvjp(conv_fwd, conv_bwd)


def conv_reference(x, w, b=None, stride=1, padding="SAME", dilation=1, groups=1):
    """The same function, one entry of the window at a time: a strided slice of the padded x times that entry's matrix."""
    stride, padding, dilation = geometry("conv", x, w.shape[:-2], stride, padding, dilation)
    space = range(x.ndim - 2)
    window = w.shape[:-2]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    places = [(x.shape[i + 1] - dilation[i] * (window[i] - 1) - 1) // stride[i] + 1 for i in space]
    y = 0.0
    for k in np.ndindex(*window):
        start = [k[i] * dilation[i] for i in space]
        here = tuple(slice(start[i], start[i] + stride[i] * (places[i] - 1) + 1, stride[i]) for i in space)
        blocks = jnp.split(x[(slice(None), *here)], groups, axis=-1)
        weights = jnp.split(w[k], groups, axis=-1)
        y += jnp.concatenate([jnp.tensordot(c, v, 1) for c, v in zip(blocks, weights, strict=True)], axis=-1)
    return y if b is None else y + as_row(b, y)
