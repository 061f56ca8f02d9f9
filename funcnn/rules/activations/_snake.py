"""snake: the mathematics stands in `activations/_mish`."""

import math

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_per_feature, require_same_dtype
from .._common._cotangent import cotangent
from .._common._precision import as_row, widen


@jax.custom_vjp
def snake(x: Array, alpha: Array) -> Array:
    """``x + sin²(alpha x) / alpha``: the identity with ripples of a learned frequency.

    Args:
      x: ``[..., features]`` (any shape for one alpha), floating.
      alpha: ``[]``, one for all, or ``[features]``, of x's dtype.

    Returns:
      The shape and dtype of x.
    """
    return snake_fwd(x, alpha)[0]


def snake_fwd(x, alpha):
    require_floating("snake", x=x, alpha=alpha)
    require_per_feature("snake", "alpha", alpha, x)
    require_same_dtype("snake", x=x, alpha=alpha)
    x32 = widen(x)
    u = as_row(widen(alpha), x) * x32
    s = jnp.sin(u)
    y = x32 + x32 * s * _over(u, 1, s)
    return y.astype(x.dtype), (x, alpha)


def snake_bwd(residuals, y_bar):
    x, alpha = residuals
    x32, y_bar, row = widen(x), widen(y_bar), as_row(alpha, x)
    u = widen(row) * x32
    s, s2 = jnp.sin(u), jnp.sin(2 * u)
    x_bar = y_bar * (1 + s2)
    alpha_bar = y_bar * x32 * x32 * (_over(u, 2, s2) - _over(u, 1, s) ** 2)
    return cotangent(x_bar, x), cotangent(alpha_bar, row).reshape(alpha.shape)


snake.defvjp(snake_fwd, snake_bwd)


def snake_reference(x, alpha):
    alpha = jnp.broadcast_to(alpha, x.shape)
    return x + (1 - jnp.cos(2 * alpha * x)) / (2 * alpha)


def _over(u, k, s):
    """s / u, where s = sin(k u), by its series around 0: there the quotient has no derivatives."""
    near = jnp.abs(k * u) < 0.5
    small, far = jnp.where(near, u, 0), jnp.where(near, 1, u)
    series = sum((-1) ** n * k ** (2 * n + 1) / math.factorial(2 * n + 1) * small ** (2 * n) for n in range(9))
    return jnp.where(near, series, s / far)
