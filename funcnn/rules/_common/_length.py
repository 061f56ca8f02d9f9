"""Lengths and directions of arrays: the mathematics stands in `normalization/_spectral_norm`."""

import jax.numpy as jnp
from jax import lax

from ._precision import widen


def _direction(a):
    """The whole array with length 1; 0 stays 0."""
    return a * _inverse_length(a, None)


def _inverse_length(x, axis, smallest=0.0):
    """1 / max(‖x‖, smallest), with the axis kept; 0 for 1 / 0. What is squared is relative to the largest entry."""
    x = widen(x)
    tiny = jnp.finfo(x.dtype).tiny
    largest = lax.stop_gradient(jnp.max(jnp.abs(x), axis, keepdims=True, initial=0))
    unit = jnp.clip(largest, tiny, 1 / tiny)
    square = jnp.sum((x / unit) ** 2, axis, keepdims=True)
    short = unit * jnp.sqrt(lax.stop_gradient(square)) <= max(smallest, tiny)
    return jnp.where(short, 1 / smallest if smallest else 0, lax.rsqrt(jnp.where(short, 1, square)) / unit)
