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

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_axis, require_floating, require_same_dtype, require_shape
from .._common._cotangent import as_primal, token
from .._common._precision import widen


@jax.custom_vjp
def safe_sqrt(x: Array) -> Array:
    """Square root of each element of ``x`` (any shape, floating); 0, with derivative 0, where x is not above 0."""
    return safe_sqrt_fwd(x)[0]


def safe_sqrt_fwd(x):
    require_floating("safe_sqrt", x=x)
    y = jnp.where(x <= 0, 0, jnp.sqrt(jnp.where(x <= 0, 1, x)))
    return y, y


def safe_sqrt_bwd(y, y_bar):
    root = jnp.where(y == 0, 1, widen(y))
    return (jnp.where(y == 0, 0, widen(y_bar) / (2 * root)).astype(y.dtype),)


safe_sqrt.defvjp(safe_sqrt_fwd, safe_sqrt_bwd)


def safe_sqrt_reference(x):
    return jnp.where(x > 0, jnp.exp(jnp.log(jnp.where(x > 0, x, 1)) / 2), 0)


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def safe_norm(x: Array, axis: int | tuple[int, ...] = -1, keepdims: bool = False) -> Array:
    """Euclidean norm over the axis; at a row of zeros its derivative is 0.

    Args:
      x: floating, of rank 1 or more.
      axis: one axis or several.
      keepdims: whether the axes stay, with size 1.

    Returns:
      The shape of x without the axes, of x's dtype.
    """
    return safe_norm_fwd(x, axis, keepdims)[0]


def safe_norm_fwd(x, axis, keepdims):
    require_floating("safe_norm", x=x)
    require_axis("safe_norm", axis, x.ndim)
    x32 = widen(x)
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(x32), axis=axis, keepdims=True, initial=0))
    plain = (largest == 0) | jnp.isinf(largest)
    total = jnp.sum(jnp.square(jnp.where(plain, 0, x32) / jnp.where(plain, 1, largest)), axis=axis, keepdims=True)
    y = jnp.where(plain, largest, largest * jnp.sqrt(jnp.where(plain, 1, total))).astype(x.dtype)
    return y if keepdims else jnp.squeeze(y, axis), (x, y)


def safe_norm_bwd(axis, keepdims, residuals, y_bar):
    x, y = residuals
    y_bar = widen(y_bar if keepdims else jnp.expand_dims(y_bar, axis))
    x32, y32 = widen(x), widen(y)
    endless = jnp.isinf(x32)
    unit = jax.lax.stop_gradient(jnp.where((y32 == 0) | jnp.isinf(y32), 1, y32))  # so that y² is never tiny
    length = jnp.where(y32 == 0, 1, y32 / unit)
    direction = jnp.where(endless, jnp.sign(x32), jnp.where(endless, 0, x32) / unit * (1 / length))
    return ((y_bar * jnp.where(y32 == 0, 0, direction)).astype(x.dtype),)


safe_norm.defvjp(safe_norm_fwd, safe_norm_bwd)


def safe_norm_reference(x, axis=-1, keepdims=False):
    """By the plain formula, and where it has no derivative by that of a constant."""
    square = jnp.sum(x * x, axis=axis, keepdims=keepdims)
    return jnp.where(square > 0, jnp.where(square > 0, square, 1) ** 0.5, 0)


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
    return as_primal(share, numerator), as_primal(-share * widen(z), d)


safe_divide.defvjp(safe_divide_fwd, safe_divide_bwd)


def safe_divide_reference(numerator, denominator):
    """As a product with d / d², which is 1 / d."""
    square = denominator * denominator
    return numerator * denominator / jnp.where(square == 0, 1, square)
