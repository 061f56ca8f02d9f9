r"""The Euclidean length of an array along some axes, without overflow or underflow of the squares.

Forward, with u the largest size of an entry along the axes
    |x| = u √(Σ (x / u)²)

Derivation
    u is a constant to autodiff: |x| does not depend on it, so that its derivative is that of √(Σ x²), x / |x|.

Edges
    Of zeros the length is 0, the direction 0. With an entry of ±inf the length is inf and its inverse 0. NaN stays NaN.
    A length below the smallest normal number counts as 0; its inverse is 0 where it would be below that number itself
    (above 8e37 in float32).
"""

import jax.numpy as jnp
from jax import lax

from ._precision import widen


def length(x, axis):
    """|x| in float32 at least, with the axis kept."""
    unit, square, plain = _relative(x, axis)
    return jnp.where(plain, unit, unit * jnp.sqrt(jnp.where(plain, 1, square)))


def inverse_length(x, axis, smallest: float = 0.0):
    """1 / max(|x|, smallest) in float32 at least, with the axis kept; 0 for 1 / 0."""
    unit, square, plain = _relative(x, axis)
    short = unit * jnp.sqrt(lax.stop_gradient(square)) <= max(smallest, jnp.finfo(square.dtype).tiny)
    inverse = lax.rsqrt(jnp.where(short | plain, 1, square)) / jnp.where(short, 1, unit)
    return jnp.where(short, 1 / smallest if smallest else 0, inverse)


def direction(x, axis):
    """x / |x| in float32 at least; 0 where x is."""
    return widen(x) * inverse_length(x, axis)


def _relative(x, axis):
    """u, Σ (x / u)², and whether u says it all: where it is 0 or inf, which stand for themselves."""
    x = widen(x)
    unit = lax.stop_gradient(jnp.max(jnp.abs(x), axis, keepdims=True, initial=0))
    plain = (unit == 0) | jnp.isinf(unit)
    return unit, jnp.sum(jnp.square(jnp.where(plain, 0, x) / jnp.where(plain, 1, unit)), axis, keepdims=True), plain
