r"""Piecewise activations with a bent or cut left side: y = f(x), x_bar = y_bar f'(x).

Forward                                                  Backward, x_bar = y_bar times          Residual
    relu6      min(max(x, 0), 6)                             [0 < y < 6]                            y
    elu        x if x > 0 else α (eˣ - 1)                    1 if y > 0 else y + α                  y (x where α < 0)
    selu       λ elu(x, α), with the λ and α below           λ if y > 0 else y + λ α                y
    celu       x if x > 0 else α (e^(x/α) - 1)               1 if y > 0 else y / α + 1              y
    prelu      x if x > 0 else a x                           1 if x > 0 else a                      x, a
               a_bar = Σ y_bar min(x, 0)                     over all that one a serves
    threshold  x if x > t else v                             [x > t]                                x

Derivation
    ⟨y_bar, f'(x) dx⟩ = ⟨y_bar f'(x), dx⟩. On the exponential side α eˣ = y + α, so that y alone tells the slope; and as y
    has the sign of x it also tells the side. prelu is linear in a: ⟨y_bar, x da⟩ = (Σ y_bar x) da where x ≤ 0.

Residuals
    One array of x's size: y where that is enough, for it is what the next layer keeps as its own input.

Edges
    At a kink the left branch's slope: relu6'(0) = relu6'(6) = 0, elu'(0) = α, selu'(0) = λ α, celu'(0) = 1, prelu'(0) = a,
    threshold'(t) = 0. At -inf elu, selu and celu are -α, -λ α and -α with slope 0; prelu with a = 0 is NaN there. NaN stays
    NaN in y.

Source
    Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010 (relu6); Clevert, Unterthiner & Hochreiter, "Fast
    and accurate deep network learning by exponential linear units", 2016, eq. 15; Klambauer et al., "Self-normalizing
    neural networks", 2017, eq. 2; Barron, "Continuously differentiable exponential linear units", 2017, eq. 2; He et al.,
    "Delving deep into rectifiers", 2015, eqs. 1 to 3.

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work). y is kept, which whatever
comes next keeps as well, so that nothing more is kept between two layers, where autodiff keeps a mask or x beside it. The
exception is a scan whose step ends here and whose next step keeps something else: there a mask of bytes would be less.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def elu(x: Array, alpha: float = 1.0) -> Array:
    """``x`` where positive, ``alpha (exp(x) - 1)`` elsewhere (any shape, floating); at 0 the derivative is alpha."""
    return elu_fwd(x, alpha)[0]


def elu_fwd(x, alpha):
    require_floating("elu", x=x)
    require_number("elu", "alpha", alpha)
    x32 = widen(x)
    y = jnp.where(x32 > 0, x32, alpha * jnp.expm1(_left(x32))).astype(jnp.result_type(x))
    return y, (y if alpha >= 0 else x)


def elu_bwd(alpha, kept, y_bar):
    slope = widen(kept) + alpha if alpha >= 0 else alpha * jnp.exp(_left(widen(kept)))
    return (jnp.where(kept > 0, widen(y_bar), widen(y_bar) * slope).astype(kept.dtype),)


elu.defvjp(elu_fwd, elu_bwd)


def elu_reference(x, alpha=1.0):
    return jnp.maximum(x, 0) + alpha * (jnp.exp(jnp.minimum(x, 0)) - 1)


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


@jax.custom_vjp
def selu(x: Array) -> Array:
    """The scaled elu that keeps mean 0 and variance 1 (any shape, floating); at 0 the derivative is 1.7581."""
    return selu_fwd(x)[0]


def selu_fwd(x):
    require_floating("selu", x=x)
    x32 = widen(x)
    y = _SELU_SCALE * jnp.where(x32 > 0, x32, _SELU_ALPHA * jnp.expm1(_left(x32)))
    y = y.astype(jnp.result_type(x))
    return y, y


def selu_bwd(y, y_bar):
    slope = jnp.where(y > 0, _SELU_SCALE, widen(y) + _SELU_SCALE * _SELU_ALPHA)
    return ((widen(y_bar) * slope).astype(y.dtype),)


selu.defvjp(selu_fwd, selu_bwd)


def selu_reference(x):
    return _SELU_SCALE * elu_reference(x, _SELU_ALPHA)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def celu(x: Array, alpha: float = 1.0) -> Array:
    """``x`` where positive, ``alpha (exp(x / alpha) - 1)`` elsewhere (any shape, floating), alpha not 0: smooth at 0."""
    return celu_fwd(x, alpha)[0]


def celu_fwd(x, alpha):
    require_floating("celu", x=x)
    require_number("celu", "alpha", alpha, "that is not 0", alpha != 0)
    x32 = widen(x)
    y = jnp.where(x32 > 0, x32, alpha * jnp.expm1(_left(x32) / alpha)).astype(jnp.result_type(x))
    return y, y


def celu_bwd(alpha, y, y_bar):
    slope = jnp.where(y > 0, 1, widen(y) / alpha + 1)
    return ((widen(y_bar) * slope).astype(y.dtype),)


celu.defvjp(celu_fwd, celu_bwd)


def celu_reference(x, alpha=1.0):
    return jnp.maximum(x, 0) + alpha * (jnp.exp(jnp.minimum(x, 0) / alpha) - 1)


def _left(x):
    """x where it is not above 0: on the right its exponential may overflow, and 0 · inf is NaN in second derivatives."""
    return jnp.where(x > 0, 0, x)
