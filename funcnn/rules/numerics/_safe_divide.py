r"""Pieces of formulas whose derivative is not finite at 0, made finite there.

Forward                                            Backward                                          Residual
    safe_sqrt     y = √x, and 0 where x ≤ 0            x_bar = y_bar / (2 y), and 0 where y = 0          y
    safe_norm     y = √(Σ x²) over the axis            x_bar = y_bar x / y, and 0 where y = 0            x, y
    safe_divide   z = n / d, and 0 where d = 0         n_bar = z_bar / d, d_bar = -z_bar z / d,          d, z
                                                       and 0 where d = 0

Derivation
    y² = x gives 2 y dy = dx. y² = Σ x² gives y dy = Σ x dx. z d = n gives d dz = dn - z dd.

Residuals
    What the caller holds or has just been given.

Edges
    At 0 value and cotangents are 0: a subgradient of the norm, and the convention for the others. Negative x has the root
    0, with cotangent 0. safe_norm divides by the largest entry before it squares: neither 1e30 nor 1e-30 is lost; a row
    with an entry of ±inf is inf, with cotangent ±y_bar for each such entry and 0 for the others. inf / inf is NaN.

Source
    The rules are those of any calculus text; that a `where` after a root or a quotient does not help, since 0 · inf is NaN,
    is in JAX's FAQ, "Gradients contain NaN where using where".

What the rules give beyond autodiff: a finite gradient where autodiff of the plain formula gives NaN.
"""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_same_dtype, require_shape
from .._common._cotangent import cotangent, token
from .._common._precision import widen


@jax.custom_vjp
def safe_divide(numerator: Array, denominator: Array) -> Array:
    """The quotient, element by element; 0, with derivatives 0, where the denominator is 0.

    Args:
      numerator: any shape, floating.
      denominator: of the same shape and dtype.

    Returns:
      The shape and dtype of both.
    """
    return safe_divide_fwd(numerator, denominator)[0]


def safe_divide_fwd(numerator, denominator):
    pair = {"numerator": numerator, "denominator": denominator}
    require_floating("safe_divide", **pair)
    shapes = jnp.shape(numerator), jnp.shape(denominator)
    same = shapes[0] == shapes[1]
    require_shape("safe_divide", "denominator", denominator, f"{list(shapes[0])}, the shape of numerator", same)
    require_same_dtype("safe_divide", **pair)
    z = jnp.where(denominator == 0, 0, numerator / jnp.where(denominator == 0, 1, denominator))
    return z, (token(numerator), denominator, z)


def safe_divide_bwd(residuals, z_bar):
    numerator, d, z = residuals
    share = jnp.where(d == 0, 0, widen(z_bar) / jnp.where(d == 0, 1, widen(d)))
    return cotangent(share, numerator), cotangent(-share * widen(z), d)


safe_divide.defvjp(safe_divide_fwd, safe_divide_bwd)


def safe_divide_reference(numerator, denominator):
    """As a product with d / d², which is 1 / d."""
    square = denominator * denominator
    return numerator * denominator / jnp.where(square == 0, 1, square)
