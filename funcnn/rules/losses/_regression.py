r"""Losses of a difference, one number an element. Means, sums and weights are in `funcnn.losses`.

Forward, with d = p - t                prediction p, target t, d and loss l: all [...]
    squared_error    l = d²
    absolute_error   l = |d|
    huber            l = d² / 2 where |d| ≤ δ, else δ (|d| - δ / 2)
    log_cosh         l = log cosh d

Backward, p_bar = -t_bar = f'(d) l_bar
    squared_error    f'(d) = 2 d
    absolute_error   f'(d) = sign d
    huber            f'(d) = d clipped to [-δ, δ]
    log_cosh         f'(d) = tanh d

Derivation
    All are l = f(d) with dd = dp - dt: ⟨l_bar, f'(d) dd⟩ = ⟨f'(d) l_bar, dp⟩ - ⟨f'(d) l_bar, dt⟩.
    d² has the derivative 2 d, |d| the sign of d. huber is half the former for |d| ≤ δ, and δ times the latter beyond.
    log cosh d has the derivative sinh d / cosh d.

Residuals
    The two arguments, which the caller holds: the difference is cheaper recomputed than kept.

Edges
    absolute_error has slope 0 where d = 0. huber's slope is continuous: d where |d| ≤ δ. An infinite d costs inf, with the
    slopes 2 d, ±1, ±δ and ±1. Two equal infinities have no difference: NaN.

Accuracy
    squared_error: value within 2.5 ulp, cotangents within 2; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻¹⁰⁰ to 2¹⁰⁰.
    absolute_error: value within 0.51 ulp, cotangents within 0.51; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻¹⁰⁰ to 2¹⁰⁰.
    huber: value within 2.5 ulp, cotangents within 2; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻¹⁰⁰ to 2¹⁰⁰.
    log_cosh: value within 12 ulp, cotangents within 6; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻¹⁰⁰ to 2¹⁰⁰.

Source
    Legendre 1805 (squares); Boscovich 1757 (absolute values); Huber, "Robust estimation of a location parameter", Ann.
    Math. Statist. 35, 1964; Green, "Bayesian reconstructions from emission tomography data", 1990 (log cosh).

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work). Nothing is kept that the caller
does not hold, and log_cosh has all its digits near 0. The exception is absolute_error in a scan that computes its arguments
anew at each step: autodiff keeps the sign, a byte an element.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_number, shapes
from .._common._cotangent import cotangent
from .._common._precision import widen


@jax.custom_vjp
def squared_error(prediction: Array, target: Array) -> Array:
    """Square the difference, element by element.

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
    shapes("squared_error", prediction=(prediction, "..."), target=(target, "..."))
    d = _difference(prediction, target)
    return (d * d).astype(prediction.dtype), (prediction, target)


def squared_error_bwd(residuals, l_bar):
    return _bars(2 * _difference(*residuals), residuals, l_bar)


squared_error.defvjp(squared_error_fwd, squared_error_bwd)


@jax.custom_vjp
def absolute_error(prediction: Array, target: Array) -> Array:
    """Take the size of the difference, element by element; its slope at 0 is 0. Arguments as `squared_error`'s."""
    return absolute_error_fwd(prediction, target)[0]


def absolute_error_fwd(prediction, target):
    shapes("absolute_error", prediction=(prediction, "..."), target=(target, "..."))
    d = _difference(prediction, target)
    return jnp.abs(d).astype(prediction.dtype), (prediction, target)


def absolute_error_bwd(residuals, l_bar):
    return _bars(jnp.sign(_difference(*residuals)), residuals, l_bar)


absolute_error.defvjp(absolute_error_fwd, absolute_error_bwd)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def huber(prediction: Array, target: Array, delta: float = 1.0) -> Array:
    """Take half the square of the difference up to ``delta``, and a straight line beyond, element by element.

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
    shapes("huber", prediction=(prediction, "..."), target=(target, "..."))
    require_number("huber", "delta", delta, "above 0", lambda v: v > 0)
    size = jnp.abs(_difference(prediction, target))
    near = jnp.minimum(size, delta)
    loss = near * near / 2 + delta * (size - near)
    return loss.astype(prediction.dtype), (prediction, target)


def huber_bwd(delta, residuals, l_bar):
    return _bars(jnp.clip(_difference(*residuals), -delta, delta), residuals, l_bar)


huber.defvjp(huber_fwd, huber_bwd)


@jax.custom_vjp
def log_cosh(prediction: Array, target: Array) -> Array:
    """Take the logarithm of the difference's hyperbolic cosine, element by element; arguments as `squared_error`'s.

    It is nearly half the square of a small difference, and the size of a large one less log 2.
    """
    return log_cosh_fwd(prediction, target)[0]


def log_cosh_fwd(prediction, target):
    shapes("log_cosh", prediction=(prediction, "..."), target=(target, "..."))
    size = jnp.abs(_difference(prediction, target))
    near = size < 1  # cosh⁻² d = 1 - tanh² d near 0, and 2 cosh d = e^|d| (1 + e^(-2 |d|)) further out
    rest = jnp.where(near, -jnp.square(jnp.tanh(jnp.minimum(size, 1))), jnp.exp(-2 * size))
    loss = jnp.where(near, 0, size - math.log(2)) + jnp.where(near, -0.5, 1) * jnp.log1p(rest)
    return loss.astype(prediction.dtype), (prediction, target)


def log_cosh_bwd(residuals, l_bar):
    return _bars(jnp.tanh(_difference(*residuals)), residuals, l_bar)


log_cosh.defvjp(log_cosh_fwd, log_cosh_bwd)


def squared_error_reference(prediction, target):
    """By the binomial formula."""
    return prediction**2 - 2 * prediction * target + target**2


def absolute_error_reference(prediction, target):
    """As the larger of the two less the smaller."""
    return jnp.maximum(prediction, target) - jnp.minimum(prediction, target)


def huber_reference(prediction, target, delta=1.0):
    """As the least of r² / 2 + δ |d - r| over r, which is at r = d clipped to [-δ, δ]."""
    d = prediction - target
    rest = jnp.maximum(d - delta, 0) + jnp.minimum(d + delta, 0)
    return (d - rest) ** 2 / 2 + delta * jnp.abs(rest)


def log_cosh_reference(prediction, target):
    """By the exponentials of the hyperbolic cosine."""
    d = prediction - target
    return jnp.log((jnp.exp(d) + jnp.exp(-d)) / 2)


def _difference(prediction, target):
    return widen(prediction) - widen(target)


def _bars(slope, residuals, l_bar):
    """p_bar = slope · l_bar and t_bar = -p_bar."""
    prediction, target = residuals
    p_bar = slope * widen(l_bar)
    return cotangent(p_bar, prediction), cotangent(-p_bar, target)
