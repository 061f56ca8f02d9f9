r"""The Euclidean length of an array along some axes, without overflow or underflow of the squares.

Forward, with u the largest size of an entry along the axes (at most 8e37 in float32)
    |x| = u √(Σ (x / u)²)

Derivation
    u is a constant to autodiff: |x| does not depend on it, so that its derivative is that of √(Σ x²), x / |x|.
    Nor does x / |x| = (x / u) / (|x| / u) depend on its u, which is |x| itself.

Edges
    Of zeros the length is 0, the direction 0. With an entry of ±inf the length is inf and its inverse 0. NaN stays NaN.
    A length that overflows by itself, of finite entries, is inf, with direction 0.
    A length below the smallest normal number counts as 0. So does an inverse length: that of a length above 8e37 in
    float32.
"""

import jax.numpy as jnp
from jax import Array, lax

from ._precision import widen

Axes = int | tuple[int, ...] | None


def length(x: Array, axis: Axes) -> Array:
    """|x| in float32 at least, with the axis kept."""
    unit, square, plain = _relative(x, axis)
    return jnp.where(plain, unit, unit * jnp.sqrt(jnp.where(plain, 1, square)))


def inverse_length(x: Array, axis: Axes, smallest: float = 0.0) -> Array:
    """1 / max(|x|, smallest) in float32 at least, with the axis kept; 0 for 1 / 0."""
    unit, square, plain = _relative(x, axis)
    short = unit * jnp.sqrt(lax.stop_gradient(square)) <= max(smallest, jnp.finfo(square.dtype).tiny)
    inverse = lax.rsqrt(jnp.where(short | plain, 1, square)) / jnp.where(short, 1, unit)
    return jnp.where(short, 1 / smallest if smallest else 0, inverse)


def direction(x: Array, axis: Axes) -> Array:
    """x / |x| in float32 at least; 0 where x is."""
    return over(x, length(x, axis))


def over(x: Array, size: Array) -> Array:
    """x / size in float32 at least, for a size that is |x| or not below it; 0 where the size is 0."""
    x, plain = widen(x), (size == 0) | jnp.isinf(size)
    unit = _invertible(jnp.where(plain, 1, size))  # so that no derivative divides by the square of the size
    return x / unit * jnp.where(size == 0, 0, 1 / jnp.where(size == 0, 1, size / unit))


def _relative(x, axis):
    """u, Σ (x / u)², and whether the largest entry says it all: where it is 0 or inf, which stand for themselves."""
    x = widen(x)
    largest = lax.stop_gradient(jnp.max(jnp.abs(x), axis, keepdims=True, initial=0))
    plain = (largest == 0) | jnp.isinf(largest)
    unit = jnp.where(plain, largest, _invertible(largest))
    return unit, jnp.sum(jnp.square(jnp.where(plain, 0, x) / jnp.where(plain, 1, unit)), axis, keepdims=True), plain


def _invertible(unit):
    """The unit, or less, held constant; its inverse is a normal number, by which a compiler may multiply instead."""
    return lax.stop_gradient(jnp.minimum(unit, 1 / jnp.finfo(unit.dtype).tiny))
