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

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.lax import stop_gradient

from .._common._checks import require_floating, require_number, require_shape
from .._common._cotangent import as_primal, token


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def straight_through(x: Array, f: Callable[[Array], Array] = jnp.round, limit: float | None = None) -> Array:
    """f(x), such as ``jnp.round``, ``jnp.sign`` or a clip, with the cotangent passed straight through to x.

    Args:
      x: any shape, floating.
      f: a function that keeps shape and dtype; its own derivative is not asked.
      limit: the cotangent passes only where ``|x| <= limit``; None for everywhere. With ``jnp.sign`` and a limit of 1 this
        is the estimator of binarised networks.

    Returns:
      f(x).
    """
    return straight_through_fwd(x, f, limit)[0]


def straight_through_fwd(x, f, limit):
    require_floating("straight_through", x=x)
    if not callable(f):
        raise TypeError(f"straight_through: f must be a function x -> y, got {f!r}")
    if limit is not None:
        require_number("straight_through", "limit", limit, "not below 0", limit >= 0)
    y = jnp.asarray(f(x))
    same = y.shape == jnp.shape(x) and y.dtype == jnp.result_type(x)
    require_shape("straight_through", "f(x)", y, f"{jnp.result_type(x)}{list(jnp.shape(x))}, as x is", same)
    return y, (token(x) if limit is None else x)


def straight_through_bwd(f, limit, x, y_bar):
    del f
    passed = y_bar if limit is None else jnp.where(jnp.abs(x) <= limit, y_bar, 0)
    return (as_primal(passed, x),)


straight_through.defvjp(straight_through_fwd, straight_through_bwd)


def straight_through_reference(x, f=jnp.round, limit=None):
    passing = x if limit is None else jnp.where(jnp.abs(x) <= limit, x, stop_gradient(x))
    return passing + stop_gradient(f(x) - passing)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def scale_gradient(x: Array, scale: float) -> Array:
    """x itself, with its cotangent multiplied by ``scale``: 0 stops it, a small one slows what lies before."""
    return scale_gradient_fwd(x, scale)[0]


def scale_gradient_fwd(x, scale):
    require_floating("scale_gradient", x=x)
    require_number("scale_gradient", "scale", scale)
    return jnp.asarray(x), token(x)


def scale_gradient_bwd(scale, x, y_bar):
    return (as_primal(scale * y_bar, x),)


scale_gradient.defvjp(scale_gradient_fwd, scale_gradient_bwd)


def scale_gradient_reference(x, scale):
    return scale * x + stop_gradient((1 - scale) * x)


def gradient_reversal(x: Array, scale: float = 1.0) -> Array:
    """x itself, with its cotangent turned around: multiplied by ``-scale``. What lies before it learns to do harm."""
    return scale_gradient(x, -scale)


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def clip_gradient(x: Array, low: float, high: float) -> Array:
    """x itself, with each entry of its cotangent cut to the interval from ``low`` to ``high``."""
    return clip_gradient_fwd(x, low, high)[0]


def clip_gradient_fwd(x, low, high):
    require_floating("clip_gradient", x=x)
    require_number("clip_gradient", "low", low)
    require_number("clip_gradient", "high", high, f"not below low = {low}", high >= low)
    return jnp.asarray(x), token(x)


def clip_gradient_bwd(low, high, x, y_bar):
    return (as_primal(jnp.clip(y_bar, low, high), x),)


clip_gradient.defvjp(clip_gradient_fwd, clip_gradient_bwd)


def clip_gradient_reference(x, low, high):
    """No plain function has such a gradient: this is a rule as well, that clips by two comparisons."""

    @jax.custom_vjp
    def identity(x):
        return x

    def bwd(_, y_bar):
        return (jnp.where(y_bar < low, low, jnp.where(y_bar > high, high, y_bar)).astype(y_bar.dtype),)

    identity.defvjp(lambda x: (x, None), bwd)
    return identity(x)
