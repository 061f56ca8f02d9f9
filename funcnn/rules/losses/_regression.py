r"""Losses of regression, one number an element. Means, sums and weights are in `funcnn.losses`.

Forward, with d = p - t                                              Backward, p_bar = -t_bar = l_bar times
    squared_error    d²                                                  2 d
    absolute_error   |d|                                                 sign d
    huber            d² / 2 if |d| ≤ δ else δ (|d| - δ / 2)              d cut to [-δ, δ]
    log_cosh         log cosh d                                          tanh d
    for prediction p, target t and loss l, all [...].

Derivation
    l = f(d) and dd = dp - dt: ⟨l_bar, f'(d) dd⟩ = ⟨f'(d) l_bar, dp⟩ - ⟨f'(d) l_bar, dt⟩.

Residuals
    The two arguments, which the caller holds; the difference is cheaper made again than kept.

Edges
    absolute_error has slope 0 where d = 0, and huber's slope is continuous: d where |d| ≤ δ. An infinite d costs inf, with
    slope 2 d, ±1, ±δ and ±1; two equal infinities have no difference: NaN.

Source
    Legendre 1805 (squares); Boscovich 1757 (absolute values); Huber, "Robust estimation of a location parameter", Ann.
    Math. Statist. 35, 1964; Green, "Bayesian reconstructions from emission tomography data", 1990 (log cosh).

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work), but nothing is kept that the
caller does not hold, and log_cosh has all its digits near 0. (Of absolute_error autodiff keeps the sign, a byte an element,
which is less where a scan makes x anew at each step.)
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_number, require_pair
from .._common._cotangent import cotangent
from .._common._precision import widen


@jax.custom_vjp
def squared_error(prediction: Array, target: Array) -> Array:
    """The square of the difference, element by element.

    Args:
      prediction: ``[...]``, floating.
      target: of the same shape and dtype.

    Returns:
      ``[...]``, each element's loss.

    Raises:
      TypeError, ValueError: dtypes or shapes differ: ``[n]`` against ``[n, 1]`` is an error here, not a broadcast.
    """
    return squared_error_fwd(prediction, target)[0]


def squared_error_fwd(prediction, target):
    require_pair("squared_error", prediction=prediction, target=target)
    d = widen(prediction) - widen(target)
    return (d * d).astype(prediction.dtype), (prediction, target)


def squared_error_bwd(residuals, l_bar):
    prediction, target = residuals
    p_bar = 2 * (widen(prediction) - widen(target)) * widen(l_bar)
    return cotangent(p_bar, prediction), cotangent(-p_bar, target)


squared_error.defvjp(squared_error_fwd, squared_error_bwd)


def squared_error_reference(prediction, target):
    return prediction**2 - 2 * prediction * target + target**2


@jax.custom_vjp
def absolute_error(prediction: Array, target: Array) -> Array:
    """The size of the difference, element by element, with slope 0 where there is none; arguments as `squared_error`'s."""
    return absolute_error_fwd(prediction, target)[0]


def absolute_error_fwd(prediction, target):
    require_pair("absolute_error", prediction=prediction, target=target)
    d = widen(prediction) - widen(target)
    return jnp.abs(d).astype(prediction.dtype), (prediction, target)


def absolute_error_bwd(residuals, l_bar):
    prediction, target = residuals
    p_bar = jnp.sign(widen(prediction) - widen(target)) * widen(l_bar)
    return cotangent(p_bar, prediction), cotangent(-p_bar, target)


absolute_error.defvjp(absolute_error_fwd, absolute_error_bwd)


def absolute_error_reference(prediction, target):
    return jnp.maximum(prediction, target) - jnp.minimum(prediction, target)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def huber(prediction: Array, target: Array, delta: float = 1.0) -> Array:
    """Half the square of the difference up to ``delta``, a straight line beyond, element by element.

    Args:
      prediction: ``[...]``, floating.
      target: of the same shape and dtype.
      delta: above 0; where the line begins, and its slope. torch's ``smooth_l1_loss`` is this divided by delta, its beta.

    Returns:
      ``[...]``, each element's loss.

    Raises:
      TypeError, ValueError: dtypes or shapes differ, or delta is not above 0.
    """
    return huber_fwd(prediction, target, delta)[0]


def huber_fwd(prediction, target, delta):
    require_pair("huber", prediction=prediction, target=target)
    require_number("huber", "delta", delta, "above 0", delta > 0)
    size = jnp.abs(widen(prediction) - widen(target))
    near = jnp.minimum(size, delta)
    loss = near * near / 2 + delta * (size - near)
    return loss.astype(prediction.dtype), (prediction, target)


def huber_bwd(delta, residuals, l_bar):
    prediction, target = residuals
    p_bar = jnp.clip(widen(prediction) - widen(target), -delta, delta) * widen(l_bar)
    return cotangent(p_bar, prediction), cotangent(-p_bar, target)


huber.defvjp(huber_fwd, huber_bwd)


def huber_reference(prediction, target, delta=1.0):
    """The best price of a difference of which a part is paid for squared, the rest by its size."""
    d = prediction - target
    rest = jnp.maximum(d - delta, 0) + jnp.minimum(d + delta, 0)
    return (d - rest) ** 2 / 2 + delta * jnp.abs(rest)


@jax.custom_vjp
def log_cosh(prediction: Array, target: Array) -> Array:
    """The logarithm of the difference's hyperbolic cosine, element by element; arguments as `squared_error`'s.

    Half the square where the difference is small, its size less log 2 where it is large, and smooth between.
    """
    return log_cosh_fwd(prediction, target)[0]


def log_cosh_fwd(prediction, target):
    require_pair("log_cosh", prediction=prediction, target=target)
    size = jnp.abs(widen(prediction) - widen(target))
    near = jnp.log1p(2 * jnp.sinh(jnp.minimum(size, 1) / 2) ** 2)  # cosh d = 1 + 2 sinh²(d / 2)
    far = size - math.log(2) + jnp.log1p(jnp.exp(-2 * size))
    return jnp.where(size < 1, near, far).astype(prediction.dtype), (prediction, target)


def log_cosh_bwd(residuals, l_bar):
    prediction, target = residuals
    p_bar = jnp.tanh(widen(prediction) - widen(target)) * widen(l_bar)
    return cotangent(p_bar, prediction), cotangent(-p_bar, target)


log_cosh.defvjp(log_cosh_fwd, log_cosh_bwd)


def log_cosh_reference(prediction, target):
    d = prediction - target
    return jnp.log((jnp.exp(d) + jnp.exp(-d)) / 2)
