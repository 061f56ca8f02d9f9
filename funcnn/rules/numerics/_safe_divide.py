r"""The quotient, with a finite value and derivative where the denominator is 0.

Forward
    z = n / d, and 0 where d = 0           n, d, z [...]

Backward
    n_bar = z_bar / d, and 0 where d = 0
    d_bar = -z n_bar

Derivation
    z d = n, so d dz = dn - z dd: ⟨z_bar, dz⟩ = ⟨z_bar / d, dn⟩ - ⟨z z_bar / d, dd⟩.

Residuals
    d, which the caller holds, and z, which it has just been given. n is not kept: z stands for it.

Edges
    Where d = 0, value and cotangents are 0 by convention, whatever n is. Where 1 / d is beyond the range of the dtype, as
    for a subnormal d in float16, the cotangents are 0. A denominator of ±inf gives 0, with cotangents 0. inf / inf is NaN.

Accuracy
    safe_divide: value within 0.51 ulp, cotangents within 2.5; in half precision 0.51 and 2;
        at random and adversarial points.

Source
    Any calculus text. That a `where` after the quotient does not help, since 0 · inf is NaN, is in JAX's FAQ, "Gradients
    contain NaN where using where".

What the rule gives beyond autodiff: a finite gradient where autodiff of the plain formula gives NaN.
"""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import shapes
from .._common._cotangent import cotangent, token
from .._common._precision import widen


@jax.custom_vjp
def safe_divide(numerator: Array, denominator: Array) -> Array:
    """Divide element by element; the quotient is 0, with derivatives 0, where the denominator is 0.

    Args:
      numerator: any shape, floating.
      denominator: of the same shape and dtype.

    Returns:
      The shape and dtype of both.

    Raises:
      TypeError, ValueError: an argument is not floating, or dtypes or shapes differ.
    """
    return safe_divide_fwd(numerator, denominator)[0]


def safe_divide_fwd(numerator, denominator):
    shapes("safe_divide", numerator=(numerator, "..."), denominator=(denominator, "..."))
    z = jnp.where(denominator == 0, 0, numerator / jnp.where(denominator == 0, 1, denominator))
    return z, (token(numerator), denominator, z)


def safe_divide_bwd(residuals, z_bar):
    numerator, d, z = residuals
    steep = jnp.abs(widen(d)) * float(jnp.finfo(d.dtype).max) < 1
    n_bar = jnp.where(steep, 0, widen(z_bar) / jnp.where(steep, 1, widen(d)))
    z = jnp.where(steep, 0, widen(z))
    d_bar = -jnp.where(z == 0, 0, n_bar) * z  # n_bar may overflow
    return cotangent(n_bar, numerator), cotangent(d_bar, d)


safe_divide.defvjp(safe_divide_fwd, safe_divide_bwd)


def safe_divide_reference(numerator, denominator):
    """As a product with d / d², which is 1 / d."""
    square = denominator * denominator
    return numerator * denominator / jnp.where(square == 0, 1, square)
