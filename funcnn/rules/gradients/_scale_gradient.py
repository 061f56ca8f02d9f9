r"""Gradient surgery: y is a function of x, and the backward pass is meant to be another one's.

Forward                                              Backward                                   Residual
    straight_through    y = f(x), such as round          x_bar = y_bar, where |x| ≤ limit           x if there is a limit
    scale_gradient      y = x                            x_bar = s y_bar                            nothing
    gradient_reversal   y = x                            x_bar = -s y_bar                           nothing
    clip_gradient       y = x                            x_bar = min(max(y_bar, low), high)         nothing

Derivation
    None: no function has these as its derivative (but for s = 1 and f(x) = x). straight_through takes f for the identity,
    or, with a limit, for the identity cut off at ±limit. clip_gradient is not even linear in y_bar.

Residuals
    Nothing but x where it is compared with the limit.

Edges
    x = ±limit passes the cotangent. NaN in y_bar stays NaN.

Source
    Bengio, Léonard & Courville, "Estimating or propagating gradients through stochastic neurons", 2013, section 3.1;
    Hubara et al., "Binarized neural networks", 2016, eq. 4 (the limit); Ganin & Lempitsky, "Unsupervised domain adaptation
    by backpropagation", 2015, eqs. 11 and 12.

What the rules give beyond autodiff: what autodiff cannot give.
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
    """x itself, with its cotangent multiplied by ``scale``: 0 stops it, a small one slows what lies before."""
    return scale_gradient_fwd(x, scale)[0]


def scale_gradient_fwd(x, scale):
    require_floating("scale_gradient", x=x)
    require_number("scale_gradient", "scale", scale)
    return jnp.asarray(x), token(x)


def scale_gradient_bwd(scale, x, y_bar):
    return (cotangent(scale * y_bar, x),)


scale_gradient.defvjp(scale_gradient_fwd, scale_gradient_bwd)


def scale_gradient_reference(x, scale):
    return scale * x + stop_gradient((1 - scale) * x)


def gradient_reversal(x: Array, scale: float = 1.0) -> Array:
    """x itself, with its cotangent turned around: multiplied by ``-scale``. What lies before it learns to do harm."""
    return scale_gradient(x, -scale)
