r"""The square root, with a finite derivative at 0.

Forward
    y = √x, and 0 where x ≤ 0              x, y [...]

Backward
    x_bar = y_bar / (2 y), and 0 where y = 0

Derivation
    y² = x, so 2 y dy = dx: ⟨y_bar, dy⟩ = ⟨y_bar / (2 y), dx⟩.

Residuals
    y, which the caller has just been given: the backward pass takes no second root. The slope's relative error is y's.

Edges
    At 0 the slope of the root is inf. Value and cotangent are 0 there by convention, and for every negative x. √inf = inf,
    with cotangent 0. NaN stays NaN.

Accuracy
    safe_sqrt: value within 0.51 ulp, slope within 2; in half precision 0.51 and 1.5.

Source
    Any calculus text. That a `where` after the root does not help, since 0 · inf is NaN, is in JAX's FAQ, "Gradients
    contain NaN where using where".

What the rule gives beyond autodiff: a finite gradient where autodiff of the plain formula gives NaN.
"""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating
from .._common._cotangent import cotangent
from .._common._precision import widen


@jax.custom_vjp
def safe_sqrt(x: Array) -> Array:
    """Take the square root of each element; it is 0, with derivative 0, where x is not above 0.

    Args:
      x: any shape, floating.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: x is not floating.
    """
    return safe_sqrt_fwd(x)[0]


def safe_sqrt_fwd(x):
    require_floating("safe_sqrt", x=x)
    y = jnp.where(x <= 0, 0, jnp.sqrt(jnp.where(x <= 0, 1, x)))
    return y, y


def safe_sqrt_bwd(y, y_bar):
    root = jnp.where(y == 0, 1, widen(y))
    return (cotangent(jnp.where(y == 0, 0, widen(y_bar) / (2 * root)), y),)


safe_sqrt.defvjp(safe_sqrt_fwd, safe_sqrt_bwd)


def safe_sqrt_reference(x):
    """By the logarithm, which is halved."""
    return jnp.where(x > 0, jnp.exp(jnp.log(jnp.where(x > 0, x, 1)) / 2), 0)
