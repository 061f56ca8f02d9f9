"""The two passes over time, which the recurrent rules share: each hands in its cell's step and that step's backward pass.

- A row takes part up to its length. Beyond that its carry stays, y is 0, and x, which may be anything, is taken for 0.
- Backwards in time a row begins at its own end, because its carry stays up to there.
- Products of x, and the gradients of weights, are those of a block of time steps: rows enough for a product to be fast,
  and so few that pre-activations and their cotangents are not there for all of time.
- Arithmetic is in float32 or wider. Operands of products are rounded to x's dtype, as layers round them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._common._chunks import added
from .._common._cotangent import placed_as, varying_as
from .._common._precision import widen
from .._common._product import over_few_rows, over_rows, product

ROWS = 256  # of a block, batch and time together


class Sequence(NamedTuple):
    """What both passes go over: x ``[batch, time, n]``, the weights of x and h, lengths ``[batch]`` or None, direction."""

    x: Array
    w_x: Array
    w_h: Array
    lengths: Array | None
    reverse: bool


def forward(step: Callable[..., Any], over: Sequence, carry: tuple[Array, ...]) -> tuple[Array, Any, Any]:
    """y, the last carry, and what the steps save.

    Args:
      step: ``step(carry, x w_x, h w_h) -> (carry, saved)``, of arrays ``[batch, features]``.
      over: the sequence.
      carry: before the first step, ``(h, ...)``.

    Returns:
      y ``[batch, time, features]`` and the last carry, of x's dtype, and what was saved, ``[blocks, time, batch, ...]``.
    """
    x, dtype = over.x, over.x.dtype

    def one(carry, at):
        from_x, valid = at
        new, saved = step(carry, from_x, product(carry[0].astype(dtype), over.w_h))
        return _kept(valid, new, carry), (chosen(valid, new[0], 0).astype(dtype), saved)

    def block(carry, start):
        valid = _valid(over, start)
        from_x = product(chosen(valid, _cut(over, x, start), 0), over.w_x)
        return _scan(one, carry, (from_x, valid), over.reverse)

    carry, (y, saved) = _over_blocks(block, tuple(map(widen, carry)), _starts(over), over.reverse)
    return _whole(y, over), tuple(a.astype(dtype) for a in carry), saved


def backward(back: Callable[..., Any], over: Sequence, h: Array, y: Array, saved: Any, bars: Any):
    """The cotangents of x and of the first carry; and those of w_x, w_h, and of what is added to either product.

    Args:
      back: ``back(carry_bar, saved, h, y) -> (carry_bar, a_bar, q_bar)``, the backward pass of the step from h to y. Its
        h_bar is what does not come through w_h, None for nothing. ``a_bar`` belongs to x w_x and ``q_bar`` to h w_h, None
        where it is a_bar.
      over: the sequence.
      h: before the first step.
      y, saved: what `forward` gave.
      bars: the cotangents of y and of the last carry.
    """
    x, dtype, w_back = over.x, over.x.dtype, once(over.w_h.T)  # a product would turn the weight at each step

    def one(carry_bar, at):
        y_bar, h, y, saved, valid = at
        h_bar, *others = carry_bar
        at_work = tuple(chosen(valid, bar, 0) for bar in (h_bar + widen(y_bar), *others))
        (direct, *others), a_bar, q_bar = back(at_work, saved, widen(h), widen(y))
        through = product((a_bar if q_bar is None else q_bar).astype(dtype), w_back)
        return _kept(valid, (added(direct, through), *others), carry_bar), (a_bar, q_bar)

    def block(carry, at):
        (carry_bar, sums), (start, saved) = carry, at
        valid = _valid(over, start)
        earlier = _cut_before(over, h, y, start)
        steps = _cut(over, bars[0], start), earlier, _cut(over, y, start), saved, valid
        carry_bar, (a_bar, q_bar) = _scan(one, carry_bar, steps, not over.reverse)
        q_bar = a_bar if q_bar is None else q_bar
        a, q = a_bar.astype(dtype), q_bar.astype(dtype)
        x_here = chosen(valid, _cut(over, x, start), 0)
        weight_bar = over_few_rows if a.shape[0] * a.shape[1] <= 2 * ROWS else over_rows
        of_weights = weight_bar(x_here, a, over.w_x), weight_bar(earlier, q, over.w_h)
        more = *of_weights, jnp.sum(a_bar, (0, 1)), jnp.sum(q_bar, (0, 1))
        return (carry_bar, tuple(map(jnp.add, sums, more))), product(a, over.w_x.T)

    gates = over.w_x.shape[1:]
    sums = tuple(jnp.zeros(shape, widen(x).dtype) for shape in (over.w_x.shape, over.w_h.shape, gates, gates))
    start = tuple(map(widen, bars[1])), sums
    (carry_bar, sums), x_bar = _over_blocks(block, start, (_starts(over), saved), not over.reverse)
    return _whole(x_bar, over), carry_bar, sums


def once(a: Array) -> Array:
    """The array itself, which XLA would compute again for every gate that reads it."""
    return lax.optimization_barrier(a)


def by_rows(step: Callable[..., Any], x: Array, carry: Any, lengths: Array | None, reverse: bool) -> tuple[Array, Any]:
    """For references: each row by itself, turned around at its own end, ``step(carry, x) -> carry`` of vectors."""
    time = jnp.arange(x.shape[1])
    lengths = jnp.full(x.shape[0], x.shape[1]) if lengths is None else jnp.clip(lengths, 0, x.shape[1])

    def row(x, carry, length):
        order = jnp.where(time < length, length - 1 - time, time) if reverse else time

        def one(carry, at):
            t, x = at
            new = jax.tree.map(lambda a, b: jnp.where(t < length, a, b), step(carry, x), carry)
            return new, jnp.where(t < length, new[0], 0)

        carry, y = lax.scan(one, carry, (time, x[order]))
        return y[order], carry

    return jax.vmap(row)(x, carry, lengths.astype(time.dtype))


def _scan(f, carry, xs, reverse):
    """`jax.lax.scan`. On a mesh the first carry is placed, and varies over devices, as the one that f gives."""
    if not jax.sharding.get_abstract_mesh().empty:
        after = jax.eval_shape(lambda carry, xs: f(carry, _first(xs))[0], carry, xs)
        carry = jax.tree.map(lambda a, b: placed_as(a, varying_as(a, b)), after, carry)
    return lax.scan(f, carry, xs, reverse=reverse)


def _over_blocks(f, carry, xs, reverse):
    """The same over blocks. One alone needs no loop."""
    if len(jax.tree.leaves(xs)[0]) > 1:
        return _scan(f, carry, xs, reverse)
    carry, y = f(carry, _first(xs))
    return carry, jax.tree.map(lambda a: a[None], y)


def _first(xs):
    return jax.tree.map(lambda a: a[0] if a.shape[0] else jnp.zeros(a.shape[1:], a.dtype), xs)


def _steps(over):
    """How many time steps a block has: a divisor of all; where none is near what is wanted, all."""
    batch, time = over.x.shape[:2]
    fewest = max(1, min(time, -(-batch * time // ROWS)))
    blocks = next((n for n in range(fewest, time + 1) if time % n == 0), 1)
    size = time // blocks
    return size if blocks == fewest or 4 * size * batch >= ROWS else time


def _starts(over):
    """Where each block begins."""
    time, size = over.x.shape[1], _steps(over)
    return size * jnp.arange(time // size if size else 1, dtype=jnp.int32)


def _cut(over, a, start):
    """The block of ``a`` ``[batch, time, ...]`` that begins there, time first."""
    return jnp.swapaxes(lax.dynamic_slice_in_dim(a, start, _steps(over), 1), 0, 1)


def _cut_before(over, h, y, start):
    """The block that begins there of h before each step."""
    time, size = over.x.shape[1], _steps(over)
    if not size:
        return jnp.swapaxes(y, 0, 1)
    lengths = None if over.lengths is None else jnp.minimum(over.lengths.astype(jnp.int32), time)
    edge = start + size if over.reverse else start - 1
    there = (edge >= 0) & (edge < (time if lengths is None else lengths[:, None]))
    h = jnp.where(there, lax.dynamic_index_in_dim(y, jnp.clip(edge, 0, time - 1), 1, keepdims=False), h)
    here = lax.dynamic_slice_in_dim(y, start, size, 1)
    return jnp.swapaxes(before(h, here, None if lengths is None else lengths - start, over.reverse), 0, 1)


def _whole(blocks, over):
    """``[batch, time, ...]`` of x's dtype, out of blocks."""
    blocks = jnp.moveaxis(blocks.astype(over.x.dtype), 2, 0)
    return blocks.reshape(*over.x.shape[:2], blocks.shape[-1])


def _valid(over, start):
    """Which positions of a block lie within their row's length, ``[time, batch, 1]``; None for all."""
    if over.lengths is None:
        return None
    positions = start + jnp.arange(_steps(over), dtype=jnp.int32)
    return (positions[:, None] < over.lengths.astype(jnp.int32)[None])[..., None]


def chosen(valid: Array | None, a: Any, b: Any) -> Any:
    """a where a position is valid, b elsewhere; a itself where all are."""
    return a if valid is None else jnp.where(valid, a, b)


def _kept(valid, new, old):
    """The new carry; the old one for rows that have ended."""
    return tuple(chosen(valid, a, b) for a, b in zip(new, old, strict=True))


def before(h: Array, y: Array, lengths: Array | None, reverse: bool) -> Array:
    """h before each step, ``[batch, time, features]``: y a step earlier, and before the first the carry that was given."""
    h = h[:, None]
    if not reverse:
        return jnp.concatenate([h, y[:, :-1]], 1)
    earlier = jnp.concatenate([y[:, 1:], h], 1)
    if lengths is None:
        return earlier
    last = jnp.arange(earlier.shape[1], dtype=jnp.int32)[None] == lengths.astype(jnp.int32)[:, None] - 1
    return jnp.where(last[..., None], h, earlier)
