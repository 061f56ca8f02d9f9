r"""Shrinkage: what lies within a threshold of 0 becomes 0.

Forward, each element by itself
    soft_shrink  y = x - t sign(x) if |x| > t else 0         x [...]   y [...]   t ≥ 0, a fixed number
    hard_shrink  y = x if |x| > t else 0

Backward, with [·] = 1 where the condition holds, and 0 elsewhere
    both         x_bar = y_bar [y ≠ 0]

Derivation
    Where |x| > t, y is x less a constant, ± t or 0, hence dy = dx; elsewhere y = 0 and dy = 0.
    With |x| > t, |y| is |x| - t or |x|, above 0, so that y ≠ 0 tells the piece: dy = [y ≠ 0] dx, and
    ⟨y_bar, [y ≠ 0] dx⟩ = ⟨y_bar [y ≠ 0], dx⟩.

Residuals
    y, one array of x's size, which the next layer keeps as its own input: nothing is added.

Edges
    At ±t the slope is 0. At ±inf y is ±inf with slope 1. NaN stays NaN in y, with slope 1.

Accuracy
    soft_shrink: value within 0.51 ulp, slope within 0; in half precision 0.51 and 0.
    hard_shrink: value within 0 ulp, slope within 0; in half precision 0 and 0.

Source
    Donoho, "De-noising by soft-thresholding", 1995, eq. 4.

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work). Between two layers y is kept
once, for both, where autodiff keeps a mask beside it. The exception is a scan whose step ends here and whose next step
keeps something else: there a mask of bytes would be less.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number
from .._common._cotangent import cotangent
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def soft_shrink(x: Array, threshold: float = 0.5) -> Array:
    """``x`` moved towards 0 by the threshold, and 0 if it would pass it; at ±threshold the derivative is 0.

    Args:
      x: any shape, floating.
      threshold: a number, 0 or more.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: x is not floating, or the threshold is not a number.
      ValueError: the threshold is below 0.
    """
    return soft_shrink_fwd(x, threshold)[0]


def soft_shrink_fwd(x, threshold):
    require_floating("soft_shrink", x=x)
    require_number("soft_shrink", "threshold", threshold, "not below 0", lambda v: v >= 0)
    x32 = widen(x)
    y = jnp.where(jnp.abs(x32) <= threshold, 0, x32 - jnp.sign(x32) * threshold).astype(jnp.result_type(x))
    return y, y


def soft_shrink_bwd(threshold, y, y_bar):
    del threshold
    return (cotangent(jnp.where(y == 0, 0, y_bar), y),)


soft_shrink.defvjp(soft_shrink_fwd, soft_shrink_bwd)


def soft_shrink_reference(x, threshold=0.5):
    return x - (jnp.abs(x + threshold) - jnp.abs(x - threshold)) / 2


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def hard_shrink(x: Array, threshold: float = 0.5) -> Array:
    """``x`` where it is farther from 0 than the threshold, else 0; at ±threshold the derivative is 0.

    Args:
      x: any shape, floating.
      threshold: a number, 0 or more.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: x is not floating, or the threshold is not a number.
      ValueError: the threshold is below 0.
    """
    return hard_shrink_fwd(x, threshold)[0]


def hard_shrink_fwd(x, threshold):
    require_floating("hard_shrink", x=x)
    require_number("hard_shrink", "threshold", threshold, "not below 0", lambda v: v >= 0)
    y = jnp.where(jnp.abs(x) <= threshold, 0, x)
    return y, y


def hard_shrink_bwd(threshold, y, y_bar):
    del threshold
    return (cotangent(jnp.where(y == 0, 0, y_bar), y),)


hard_shrink.defvjp(hard_shrink_fwd, hard_shrink_bwd)


def hard_shrink_reference(x, threshold=0.5):
    return x * (jnp.sign(x - threshold) - jnp.sign(x + threshold) + 2) / 2
