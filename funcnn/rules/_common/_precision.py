"""The dtype and the shape to compute in, and products that are finite.

- Half precision is widened to float32 before arithmetic, and rounded once after it. The forward pass ends in x's dtype, and
  the backward pass in `cotangent`. A sum in bfloat16, of 8 binary digits, would round at every term.
- A row, or a number, is given the rank of the array that it meets, since no rule lets ranks differ silently.
- 0 · inf is NaN, where a rule's limit may be 0: `finite` moves the infinity, and `times` lets a weight of 0 decide.
- A slope of 1 / eps, at a row of zeros, may be beyond the range of float16: `representable` makes it 0.
"""

import jax.numpy as jnp


def widen(a):
    """The array in the dtype to accumulate in: float32 for half precision, its own otherwise."""
    a = jnp.asarray(a)
    return a.astype(jnp.float32) if a.dtype.itemsize < 4 else a


def as_row(v, like):
    """A vector, or a matrix of one row, as a row that broadcasts against the last axis of ``like``; a number as it is."""
    return v.reshape((1,) * (like.ndim - 1) + (-1,)) if jnp.ndim(v) else v


def as_factor(v, like):
    """A vector or a number as what ``like`` is multiplied by, widened; 1 in the place of None."""
    return jnp.ones((), like.dtype) if v is None else as_row(widen(v), like)


def finite(a):
    """The array with ±inf moved to the largest finite numbers, so that 0 · inf is never computed."""
    limit = jnp.finfo(a.dtype).max
    return jnp.clip(a, -limit, limit)


def representable(slope, x):
    """The slope; 0 where it is beyond the range of x's dtype, in which every cotangent would be ±inf."""
    return jnp.where(jnp.abs(slope) > float(jnp.finfo(x.dtype).max), 0, slope)


def times(weight, a):
    """Their product; 0 where the weight is 0, even if the array is infinite or NaN."""
    return weight * jnp.where((weight == 0) & ~jnp.isfinite(a), 0, a)
