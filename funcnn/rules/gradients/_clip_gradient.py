r"""A clipped gradient: y is x, and each entry of the cotangent is clipped to an interval.

Forward
    y = x                                  x, y [...]

Backward
    x_bar = min(max(y_bar, low), high)

Derivation
    The rule is deliberately not a derivative, of any function: it is not even linear in y_bar.

Residuals
    x's token, an array without elements, which says its dtype and placement.

Edges
    A cotangent of ±inf becomes high or low. NaN in y_bar stays NaN.

Source
    Graves, "Generating sequences with recurrent neural networks", 2013, section 2.1: the derivatives in the inputs of
    LSTM layers are clipped, entry by entry.

What the rule gives beyond autodiff: what autodiff cannot give.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number
from .._common._cotangent import cotangent, token


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def clip_gradient(x: Array, low: float, high: float) -> Array:
    """Return x, and clip each entry of its cotangent to the interval from ``low`` to ``high``.

    Args:
      x: any shape, floating.
      low: the least cotangent.
      high: the largest cotangent, not below low.

    Returns:
      x.

    Raises:
      TypeError: x is not floating, or a bound not a number.
      ValueError: high is below low.
    """
    return clip_gradient_fwd(x, low, high)[0]


def clip_gradient_fwd(x, low, high):
    require_floating("clip_gradient", x=x)
    require_number("clip_gradient", "low", low)
    require_number("clip_gradient", "high", high, f"not below low = {low}", lambda v: v >= low)
    return jnp.asarray(x), token(x)


def clip_gradient_bwd(low, high, x, y_bar):
    return (cotangent(jnp.clip(y_bar, low, high), x),)


clip_gradient.defvjp(clip_gradient_fwd, clip_gradient_bwd)


def clip_gradient_reference(x, low, high):
    """By two comparisons, and as a rule as well: no plain function has such a gradient."""

    @jax.custom_vjp
    def identity(x):
        return x

    def bwd(_, y_bar):
        return (jnp.where(y_bar < low, low, jnp.where(y_bar > high, high, y_bar)).astype(y_bar.dtype),)

    identity.defvjp(lambda x: (x, None), bwd)
    return identity(x)
