r"""Softsign: x, divided by one more than its size.

Forward, each element by itself
    y = x / (1 + |x|)                    x [...]   y [...]

Backward
    x_bar = y_bar / (1 + |x|)²

Derivation
    For x ≥ 0, dy = ((1 + x) - x) / (1 + x)² dx = dx / (1 + x)². The function is odd, so that its slope is even:
    1 / (1 + |x|)² on both sides of 0. It moves to the other side of ⟨·,·⟩ as it is.

Residuals
    x, one array. y would tell the slope as well, (1 - |y|)², but 1 - |y| has lost x's digits where |x| is large.

Edges
    At ±inf y is ±1 with slope 0. NaN stays NaN in y and in the slope.

Accuracy
    softsign: value within 2 ulp, slope within 4; in half precision 0.51 and 0.51.

Source
    Turian, Bergstra & Bengio, "Quadratic features and deep architectures for chunking", 2009.

What the rule gives beyond autodiff: time is the same (the compiler fuses elementwise work). Inside a scan one array is kept
a step where autodiff keeps several.
"""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating
from .._common._cotangent import cotangent
from .._common._precision import finite, widen


@jax.custom_vjp
def softsign(x: Array) -> Array:
    """``x / (1 + |x|)``, element by element.

    Args:
      x: any shape, floating.

    Returns:
      The shape and dtype of x.
    """
    return softsign_fwd(x)[0]


def softsign_fwd(x):
    require_floating("softsign", x=x)
    x32 = finite(widen(x))
    return (x32 / (1 + jnp.abs(x32))).astype(jnp.result_type(x)), x


def softsign_bwd(x, y_bar):
    share = 1 / (1 + jnp.abs(widen(x)))
    return (cotangent(widen(y_bar) * share * share, x),)


softsign.defvjp(softsign_fwd, softsign_bwd)


def softsign_reference(x):
    return jnp.sign(x) * (1 - 1 / (1 + jnp.sign(x) * x))
