"""What the rules over space share: one, two or three spatial axes, and a window that slides along them."""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._common._checks import is_int, require_floating, require_shape, shapes

Sizes = int | tuple[int, ...]
Padding = str | Sequence[tuple[int, int]]


def require_space(rule: str, x, name: str = "x") -> None:
    """Raise TypeError or ValueError unless x is floating, ``[batch, *space, channels]``, and no spatial axis is empty."""
    require_floating(rule, **{name: x})
    fits = 3 <= jnp.ndim(x) <= 5 and 0 not in x.shape[1:-1]
    require_shape(rule, name, x, "[batch, *space, channels] with 1 to 3 spatial axes, none of them empty", fits)


def each(rule: str, name: str, value, axes: int) -> tuple[int, ...]:
    """A positive int for each spatial axis, from one for all or one for each.

    Raises:
      ValueError: it is neither.
    """
    sizes = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    if len(sizes) != axes or any(not is_int(n) or n < 1 for n in sizes):
        raise ValueError(
            f"{rule}: {name} must be a positive int, or one for each of {axes} spatial axes, got {value!r}"
        )
    return tuple(map(int, sizes))


def pairs(rule: str, padding: Padding, axes: int, named: Callable[..., Sequence]) -> tuple[tuple[int, int], ...]:
    """Padding (before, after) for each spatial axis; ``named`` says what "SAME" and "VALID" come to.

    Raises:
      ValueError: it is neither a name nor such pairs.
    """
    try:
        sizes = tuple((int(lo), int(hi)) for lo, hi in (named(padding) if padding in ("SAME", "VALID") else padding))
    except (TypeError, ValueError):
        raise ValueError(f"{rule}: padding must be 'SAME', 'VALID' or pairs of ints, got {padding!r}") from None
    if len(sizes) != axes:
        raise ValueError(f"{rule}: padding must have a pair for each of {axes} spatial axes, got {padding!r}")
    return sizes


def geometry(rule: str, x, window, stride: Sizes, padding: Padding, dilation: Sizes = 1):
    """Stride, padding and dilation as one entry a spatial axis, for a window that slides over x."""
    axes = x.ndim - 2
    stride, dilation = each(rule, "stride", stride, axes), each(rule, "dilation", dilation, axes)
    reach = reaches(window, dilation)
    padding = pairs(rule, padding, axes, lambda name: lax.padtype_to_pads(x.shape[1:-1], reach, stride, name))
    require_fit(rule, x.shape[1:-1], padding, reach)
    return stride, padding, dilation


def reaches(window, dilation) -> list[int]:
    """How far the window reaches along each axis, from its first entry to its last, both counted."""
    return [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]


def require_fit(rule: str, sizes, padding, reach) -> None:
    """Raise ValueError unless the window fits into the padded x along each axis."""
    for n, (lo, hi), r in zip(sizes, padding, reach, strict=True):
        if n + lo + hi < r:
            raise ValueError(f"{rule}: window must fit into the padded x, got a reach of {r} over {n} + {lo} + {hi}")


def bins(n: int, m: int) -> list[tuple[int, int]]:
    """Where each of m bins over n entries begins and ends: all of about one size, no entry left out."""
    return [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]


def in_each_image(f: Callable[..., Array], arrays: Sequence[Array], size: tuple[int, ...]) -> Array:
    """A function of all places of one image in one channel, row by row, for each image ``[batch, *space, channels]``."""
    rows = (a.reshape(a.shape[0], math.prod(a.shape[1:-1]), a.shape[-1]) for a in arrays)
    y = jax.vmap(jax.vmap(f, 1, 1))(*rows)
    return y.reshape(y.shape[0], *size, y.shape[-1])


def channels_last(x) -> lax.ConvDimensionNumbers:
    """Dimension numbers for x ``[batch, *space, channels]`` and w ``[*window, channels, out]``."""
    space = tuple(range(1, x.ndim - 1))
    last = x.ndim - 1
    return lax.ConvDimensionNumbers((0, last, *space), (last, last - 1, *(i - 1 for i in space)), (0, last, *space))


def turned_around(w, groups: int):
    """The window back to front, with channels and out exchanged inside each group: ``[*window, out / groups, channels]``.

    Turned around twice, it is w again.
    """
    *window, channels, out = w.shape
    w = jnp.flip(w, tuple(range(len(window)))).reshape(*window, channels, groups, out // groups)
    return jnp.moveaxis(w, -1, -3).swapaxes(-1, -2).reshape(*window, out // groups, groups * channels)


def require_weights(rule: str, x, w, b, groups: int) -> None:
    """Raise TypeError or ValueError unless w ``[*window, channels / groups, out]`` and b ``[out]`` follow x."""
    shapes(rule, x=(x, "..."), w=(w, "*window channels out"), b=(b, "out | None"))
    require_space(rule, x)
    if not is_int(groups) or groups < 1 or x.shape[-1] % groups:
        raise ValueError(f"{rule}: groups must divide the {x.shape[-1]} channels of x, got {groups!r}")
    channels = x.shape[-1] // groups
    fits = w.ndim == x.ndim and w.shape[-2] == channels and 0 not in w.shape[:-2]
    require_shape(rule, "w", w, f"[{'window, ' * (x.ndim - 2)}{channels}, out] to follow x {list(x.shape)}", fits)
    require_shape(rule, "w", w, f"of out divisible by groups = {groups}", w.shape[-1] % groups == 0)


def along_space(matrices, x):
    """Each matrix times its spatial axis of x."""
    for axis, a in enumerate(matrices, 1):
        a = jnp.asarray(a, x.dtype)
        y = lax.dot_general(a, x, (((1,), (axis,)), ((), ())), precision=lax.Precision.HIGHEST)
        x = jnp.moveaxis(y, 0, axis)
    return x
