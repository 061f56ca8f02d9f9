r"""A scaled or reversed gradient: y is x, and the cotangent is multiplied by a number.

Forward
    y = x                                  x, y [...]

Backward
    scale_gradient      x_bar = s y_bar
    gradient_reversal   x_bar = -s y_bar

Derivation
    The rules are deliberately not the derivative of the identity (but for a factor of 1). They are those of y = s x + c
    and of y = c - s x, with a constant c that restores the value x.

Residuals
    x's token, an array without elements, which says its dtype and placement.

Edges
    s = 0 stops the gradient. NaN in y_bar stays NaN.

Source
    Ganin & Lempitsky, "Unsupervised domain adaptation by backpropagation", 2015, eqs. 11 and 12.

What the rule gives beyond autodiff: what autodiff cannot give.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.lax import stop_gradient

from .._common._checks import require_floating, require_number
from .._common._cotangent import cotangent, token


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def scale_gradient(x: Array, scale: float) -> Array:
    """Return x, and multiply its cotangent by ``scale``: 0 stops it, a small scale slows the layers before.

    Args:
      x: any shape, floating.
      scale: a number.

    Returns:
      x.

    Raises:
      TypeError: x is not floating, or scale not a number.
    """
    return scale_gradient_fwd(x, scale)[0]


def scale_gradient_fwd(x, scale):
    require_floating("scale_gradient", x=x)
    require_number("scale_gradient", "scale", scale)
    return jnp.asarray(x), token(x)


def scale_gradient_bwd(scale, x, y_bar):
    return (cotangent(scale * y_bar, x),)


scale_gradient.defvjp(scale_gradient_fwd, scale_gradient_bwd)


def scale_gradient_reference(x, scale):
    """As s x + (1 - s) x, the second term held constant."""
    return scale * x + stop_gradient((1 - scale) * x)


def gradient_reversal(x: Array, scale: float = 1.0) -> Array:
    """Return x, and multiply its cotangent by ``-scale``: the layers before raise the loss that those after lower.

    Arguments as `scale_gradient`'s.
    """
    require_number("gradient_reversal", "scale", scale)
    return scale_gradient(x, -scale)
