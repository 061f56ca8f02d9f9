r"""The logits of a linear layer, some classes at a time: what the losses of tokens are made of.

Forward, w_k the k-th class's weights
    a_k = x w_k + b_k
    z_k = c tanh(a_k / c) / τ            with a softcap c; a_k / τ without

Backward
    a_bar = z_bar (1 - (τ z / c)²) / τ   with a softcap; z_bar / τ without
    x_bar = Σ_k a_bar_k w_k,  w_bar_k = Σ_rows a_bar_k x,  b_bar_k = Σ_rows a_bar_k
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from .._common._checks import is_int, require_bool, require_number, require_shape, shapes
from .._common._chunks import added, cut, placed
from .._common._cotangent import cotangent
from .._common._precision import as_row, widen
from .._common._product import over_rows, product

AT_ONCE = 2**20  # logits in one chunk, 4 MiB of float32: what a core's cache holds
FEWEST = 512  # classes in one chunk, so that the products stay products of matrices
ROWS = 256  # in one chunk of rows: w_bar is read and written once a chunk
LOGITS = 2**21, 2**23  # in one chunk of rows, at least and at most: 8 and 32 MiB of float32


class Head(NamedTuple):
    """A linear layer to logits: x ``[..., n]``, w ``[n, classes]`` or transposed, b ``[classes]`` or None, and options."""

    x: Any
    w: Any
    b: Any
    temperature: float = 1.0
    softcap: float | None = None
    w_transposed: bool = False

    @property
    def axis(self) -> int:
        """w's axis of classes."""
        return 0 if self.w_transposed else 1

    @property
    def classes(self) -> int:
        return self.w.shape[self.axis]

    @property
    def rows(self) -> int:
        return self.x.size // max(1, self.x.shape[-1])


def require_head(rule, head, chunk, what, axis_name=None, **others):
    """Raise TypeError or ValueError unless the arrays and the options are allowed; a chunk is so many classes or rows."""
    require_bool(rule, w_transposed=head.w_transposed)
    layout = "classes n" if head.w_transposed else "n classes"
    shapes(rule, x=(head.x, "... n"), w=(head.w, layout), b=(head.b, "classes | None"), **others)
    require_shape(rule, "w", head.w, f"[{layout.replace(' ', ', ')}] with at least one class", head.classes > 0)
    require_number(rule, "temperature", head.temperature, "above 0", lambda v: v > 0)
    if head.softcap is not None:
        require_number(rule, "softcap", head.softcap, "above 0, and finite, or None", lambda v: 0 < v < math.inf)
    if chunk is not None and not is_int(chunk):
        raise TypeError(f"{rule}: chunk must be a number of {what} or None, got {chunk!r}")
    if chunk is not None and chunk < 1:
        raise ValueError(f"{rule}: chunk must be a number of {what} above 0, got {chunk}")
    if axis_name is not None:
        _require_divided(rule, head, axis_name)


def _require_divided(rule, head, axis_name):
    """Raise TypeError or ValueError unless w is another on each device of the axis."""
    names = axis_name if isinstance(axis_name, tuple) else (axis_name,)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"{rule}: axis_name must be the name of an axis, or a tuple of names, got {axis_name!r}")
    if not {*names} <= jax.typeof(head.w).manual_axis_type.varying:
        raise ValueError(f"{rule}: w must be divided over axis_name by a jax.shard_map with check_vma, got {axis_name!r} "
                         f"and {jax.typeof(head.w)}")  # fmt: skip


def divided(head, axis_name):
    """How many classes all devices have, and the first one of this device."""
    if axis_name is None:
        return head.classes, 0
    return head.classes * lax.psum(1, axis_name), head.classes * lax.axis_index(axis_name)


def classes_at_once(head, chunk=None):
    """How many classes make a chunk: those asked for, or as many as `AT_ONCE` allows."""
    chunk = int(chunk) if chunk is not None else max(FEWEST, AT_ONCE // max(1, head.rows))
    return min(chunk, head.classes)


def logits(head, start, size):
    """The logits of some classes, ``[..., size]``, float32 or wider."""
    z = product(head.x, _columns(head, start, size))
    if head.b is not None:
        z = z + as_row(widen(cut(head.b, start, size, 0)), z)
    if head.softcap is not None:
        z = head.softcap * jnp.tanh(z / head.softcap)
    return z if head.temperature == 1 else z / head.temperature


def pulled(head, z, z_bar, start):
    """The shares of these logits in the cotangents of x, w and b, float32 or wider."""
    if head.softcap is not None:
        z_bar = z_bar * (1 - (z * (head.temperature / head.softcap)) ** 2)
    if head.temperature != 1:
        z_bar = z_bar / head.temperature
    w, x = widen(_columns(head, start, z.shape[-1])), widen(head.x)
    x_bar = product(z_bar, w.T, head.x)
    w_bar = over_rows(z_bar, x, head.w) if head.w_transposed else over_rows(x, z_bar, head.w)
    b_bar = None if head.b is None else jnp.sum(z_bar, axis=tuple(range(z_bar.ndim - 1)))
    return x_bar, w_bar, b_bar


def gathered(head, whole, part, start):
    """The cotangents of x, w and b with one more chunk of classes: x's add up, w's and b's are put in their places."""
    whole = (None, None, None) if whole is None else whole
    (x_bar, w_bar, b_bar), (x_more, w_more, b_more) = whole, part
    w_bar = placed(w_bar, w_more.astype(head.w.dtype), start, head.classes, head.axis)
    b_bar = None if head.b is None else placed(b_bar, b_more.astype(head.b.dtype), start, head.classes, 0)
    return added(x_bar, x_more), w_bar, b_bar


def at_once(head, chunk, heads=1):
    """How many positions, of x's last axis but one, make a chunk: those asked for, or of `ROWS` rows as `LOGITS` allows."""
    positions = head.x.shape[-2]
    if jax.typeof(head.x).sharding.spec[-2]:
        return max(1, positions)
    together = head.classes * max(1, head.rows // max(1, positions))
    most = min(max(ROWS * head.classes, LOGITS[0]), LOGITS[1]) // heads
    return max(1, min(positions, max(1, most // together) if chunk is None else int(chunk)))


def part_of(head, start, size):
    """The head of a chunk of positions."""
    return head._replace(x=cut(head.x, start, size, head.x.ndim - 2))


def gathered_rows(head, whole, part, start):
    """The cotangents of x, w and b with one more chunk of positions: x's is put in its place, w's and b's add up."""
    (x_bar, *sums), (x_more, *more) = (None, None, None) if whole is None else whole, part
    x_bar = placed(x_bar, x_more.astype(head.x.dtype), start, head.x.shape[-2], head.x.ndim - 2)
    return x_bar, *map(added, sums, more)


def head_cotangents(head, bars):
    """The three cotangents as those of the primals."""
    return tuple(cotangent(bar, a) for bar, a in zip(bars, head[:3], strict=True))


def _columns(head, start, size):
    """The weights of some classes, ``[n, size]``."""
    w = cut(head.w, start, size, head.axis)
    return w.T if head.w_transposed else w
