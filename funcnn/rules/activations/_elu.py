r"""Exponential linear units: the identity on the right, an exponential that levels off on the left.

Forward, each element by itself
    elu    y = x if x > 0 else α (eˣ - 1)              x [...]   y [...]
    selu   y = λ elu(x, α)                             λ = 1.0507…, α = 1.6732…: they keep mean 0 and variance 1
    celu   y = x if x > 0 else α (e^(x/α) - 1)         α ≠ 0

Backward
    elu    x_bar = y_bar (1 if x > 0 else α eˣ)
    selu   x_bar = y_bar (λ if x > 0 else λ α eˣ)
    celu   x_bar = y_bar (1 if x > 0 else e^(x/α))

Derivation
    On the right dy = dx (selu: λ dx). On the left d(eˣ - 1) = eˣ dx, hence dy = α eˣ dx (selu: λ α eˣ dx);
    for celu dy = α e^(x/α) dx / α = e^(x/α) dx. Each slope moves to the other side of ⟨·,·⟩ as it is.

Residuals
    x, one array, from which the exponential is recomputed. y tells the slope as well, y + α for elu, but y + α has lost
    x's digits where y is near -α. From a bfloat16 y, elu'(-8) would be 0, where it is 3.4e-4. From a float32 y, elu'(-20)
    would be, where it is 2.1e-9. Between two layers x costs an array: the next layer keeps y, and would keep it for both.

Edges
    At the kink the left slope: elu'(0) = α, selu'(0) = λ α, celu'(0) = 1, where celu is smooth.
    At -inf elu, selu and celu (with α > 0) are -α, -λ α and -α, with slope 0. At inf they are inf, with slopes 1, λ and 1.
    NaN stays NaN in y and in the slope.

Accuracy
    elu: value within 1 ulp (by JAX 0.10: 6), slope within 1; in half precision 0.51 and 0.51.
    selu: value within 2.5 ulp (by JAX 0.10: 7), slope within 2.5; in half precision 0.51 and 0.51.
    celu: value within 1 ulp (by JAX 0.10: 6), slope within 1; in half precision 0.51 and 0.51.
    JAX 0.10 computes expm1 less exactly than later ones.

Source
    Clevert, Unterthiner & Hochreiter, "Fast and accurate deep network learning by exponential linear units", 2016, eq. 15;
    Klambauer et al., "Self-normalizing neural networks", 2017, eq. 2; Barron, "Continuously differentiable exponential
    linear units", 2017, eq. 2.

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work). The tail of the slope is right,
where autodiff has it from eˣ - 1. Inside a scan x alone is kept, where autodiff keeps several arrays.
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
    return y, x


def elu_bwd(alpha, x, y_bar):
    slope = jnp.where(x > 0, 1, alpha * jnp.exp(_left(widen(x))))
    return (cotangent(widen(y_bar) * slope, x),)


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
    return y.astype(jnp.result_type(x)), x


def selu_bwd(x, y_bar):
    slope = _SELU_SCALE * jnp.where(x > 0, 1, _SELU_ALPHA * jnp.exp(_left(widen(x))))
    return (cotangent(widen(y_bar) * slope, x),)


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
    return y, x


def celu_bwd(alpha, x, y_bar):
    slope = jnp.where(x > 0, 1, jnp.exp(_left(widen(x)) / alpha))
    return (cotangent(widen(y_bar) * slope, x),)


celu.defvjp(celu_fwd, celu_bwd)


def celu_reference(x, alpha=1.0):
    return jnp.maximum(x, 0) + alpha * (jnp.exp(jnp.minimum(x, 0) / alpha) - 1)


def _left(x):
    """x where it is not above 0: on the right its exponential may overflow, and 0 · inf is NaN in second derivatives."""
    return jnp.where(x > 0, 0, x)
