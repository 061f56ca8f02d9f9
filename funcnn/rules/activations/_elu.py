r"""Exponential linear units: the identity on the right, an exponential that levels off on the left.

Forward, each element by itself
    elu    y = x if x > 0 else α (eˣ - 1)              x [...]   y [...]
    selu   y = λ elu(x, α)                             λ = 1.0507…, α = 1.6732…: they keep mean 0 and variance 1
    celu   y = x if x > 0 else α (e^(x/α) - 1)         α ≠ 0

Backward
    elu    x_bar = y_bar (1 if x > 0 else y + α)
    selu   x_bar = y_bar (λ if x > 0 else y + λ α)
    celu   x_bar = y_bar (1 if x > 0 else y / α + 1)

Derivation
    On the right dy = dx (selu: λ dx). On the left
    elu:   dy = α eˣ dx, and α eˣ = y + α;
    selu:  dy = λ α eˣ dx, and λ α eˣ = y + λ α;
    celu:  dy = e^(x/α) dx, and e^(x/α) = y / α + 1.
    Each slope moves to the other side of ⟨·,·⟩ as it is. y has the sign of x, so that it also tells the side; only
    elu with α < 0 is above 0 on both sides.

Residuals
    y, one array of x's size, which the next layer keeps as its own input: nothing is added. elu with α < 0 keeps x.

Edges
    At the kink the left slope: elu'(0) = α, selu'(0) = λ α, celu'(0) = 1, where celu is smooth.
    At -inf elu, selu and celu (with α > 0) are -α, -λ α and -α, with slope 0; at inf they are inf, with slopes 1, λ and 1.
    NaN stays NaN in y and in the slope.
    The slope on the left is that of the rounded y, which is -α sooner than α (eˣ - 1) is: in bfloat16 elu'(-8) and
    celu'(-8) are 0, where the truth is 3e-4. With the default α a slope is off by less than the dtype's eps, selu's by less
    than two. elu with α < 0 keeps x, and has its slope from x.

Source
    Clevert, Unterthiner & Hochreiter, "Fast and accurate deep network learning by exponential linear units", 2016, eq. 15;
    Klambauer et al., "Self-normalizing neural networks", 2017, eq. 2; Barron, "Continuously differentiable exponential
    linear units", 2017, eq. 2.

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work). Between two layers y is kept
once, for both, where autodiff keeps a mask or x beside it. The exception is a scan whose step ends here and whose next
step keeps something else: there a mask of bytes would be less.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number
from .._common._cotangent import cotangent
from .._common._precision import widen

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def elu(x: Array, alpha: float = 1.0) -> Array:
    """``x`` where positive, ``alpha (exp(x) - 1)`` elsewhere; at 0 the derivative is alpha.

    Args:
      x: any shape, floating.
      alpha: a number; the function tends to -alpha on the left.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: x is not floating, or alpha is not a number.
    """
    return elu_fwd(x, alpha)[0]


def elu_fwd(x, alpha):
    require_floating("elu", x=x)
    require_number("elu", "alpha", alpha)
    x32 = widen(x)
    y = jnp.where(x32 > 0, x32, alpha * jnp.expm1(_left(x32))).astype(jnp.result_type(x))
    return y, (y if alpha >= 0 else x)


def elu_bwd(alpha, kept, y_bar):
    slope = widen(kept) + alpha if alpha >= 0 else alpha * jnp.exp(_left(widen(kept)))
    return (cotangent(jnp.where(kept > 0, widen(y_bar), widen(y_bar) * slope), kept),)


elu.defvjp(elu_fwd, elu_bwd)


def elu_reference(x, alpha=1.0):
    return jnp.maximum(x, 0) + alpha * (jnp.exp(jnp.minimum(x, 0)) - 1)


@jax.custom_vjp
def selu(x: Array) -> Array:
    """The scaled elu that keeps mean 0 and variance 1; at 0 the derivative is 1.7581.

    Args:
      x: any shape, floating.

    Returns:
      The shape and dtype of x.
    """
    return selu_fwd(x)[0]


def selu_fwd(x):
    require_floating("selu", x=x)
    x32 = widen(x)
    y = _SELU_SCALE * jnp.where(x32 > 0, x32, _SELU_ALPHA * jnp.expm1(_left(x32)))
    y = y.astype(jnp.result_type(x))
    return y, y


def selu_bwd(y, y_bar):
    slope = jnp.where(y > 0, _SELU_SCALE, widen(y) + _SELU_SCALE * _SELU_ALPHA)
    return (cotangent(widen(y_bar) * slope, y),)


selu.defvjp(selu_fwd, selu_bwd)


def selu_reference(x):
    return _SELU_SCALE * elu_reference(x, _SELU_ALPHA)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def celu(x: Array, alpha: float = 1.0) -> Array:
    """``x`` where positive, ``alpha (exp(x / alpha) - 1)`` elsewhere: smooth at 0, where the derivative is 1.

    Args:
      x: any shape, floating.
      alpha: a number that is not 0.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: x is not floating, or alpha is not a number.
      ValueError: alpha is 0.
    """
    return celu_fwd(x, alpha)[0]


def celu_fwd(x, alpha):
    require_floating("celu", x=x)
    require_number("celu", "alpha", alpha, "that is not 0", lambda v: v != 0)
    x32 = widen(x)
    y = jnp.where(x32 > 0, x32, alpha * jnp.expm1(_left(x32) / alpha)).astype(jnp.result_type(x))
    return y, y


def celu_bwd(alpha, y, y_bar):
    slope = jnp.where(y > 0, 1, widen(y) / alpha + 1)
    return (cotangent(widen(y_bar) * slope, y),)


celu.defvjp(celu_fwd, celu_bwd)


def celu_reference(x, alpha=1.0):
    return jnp.maximum(x, 0) + alpha * (jnp.exp(jnp.minimum(x, 0) / alpha) - 1)


def _left(x):
    """x where it is not above 0: on the right its exponential may overflow, and 0 · inf is NaN in second derivatives."""
    return jnp.where(x > 0, 0, x)
