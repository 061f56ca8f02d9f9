"""The two products of a rule with a weight: rows times the weight, and the weight's cotangent over all rows.

The leading axes are taken together where that is possible: a contraction over several of them makes XLA on a CPU copy its
operand transposed first. Half precision is accumulated in float32.
"""

import math

import jax
import jax.numpy as jnp
from jax.lax import dot_general, optimization_barrier

from ._cotangent import placement
from ._precision import widen


def product(x, w, like=None):
    """Each row of x times w, float32 or wider; on an Explicit mesh divided as ``like`` is."""
    axes = ((x.ndim - 1,), (0,)), ((), ())
    placed = None if like is None else placement(like)
    return dot_general(x, w, axes, preferred_element_type=widen(x).dtype, out_sharding=placed)


def over_rows(x, y_bar, w):
    """w's cotangent xᵀ y_bar, the leading axes taken together, float32 or wider."""
    x, y_bar = _rows(x), _rows(y_bar)
    rows = tuple(range(x.ndim - 1))
    axes = (rows, rows), ((), ())
    return dot_general(x, y_bar, axes, preferred_element_type=widen(x).dtype, out_sharding=placement(w))


def over_few_rows(x, y_bar, w):
    """The same for so few rows that x is soon copied transposed, by which XLA's product on a CPU is faster."""
    x, rows = optimization_barrier(jnp.moveaxis(x, -1, 0)), tuple(range(x.ndim - 1))
    axes = (tuple(axis + 1 for axis in rows), rows), ((), ())
    return dot_general(x, y_bar, axes, preferred_element_type=widen(x).dtype, out_sharding=placement(w))


def _rows(a):
    """The leading axes as one; as they are where an Explicit mesh divides others of them than the first."""
    if any(jax.typeof(a).sharding.spec[1:-1]):
        return a
    return a.reshape(math.prod(a.shape[:-1]), a.shape[-1])
