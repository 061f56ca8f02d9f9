r"""Negative log-likelihoods: Poisson counts and Gaussian values, one number an element.

Forward
    poisson_nll    l = eˣ - t x                                       x = log_rate, t, l [...]
                     + t log t - t + log(2π t) / 2 where t > 1        if full
    gaussian_nll   l = (log v + (m - t)² / v) / 2                     m, t, variance, v, l [...]
                     + log(2π) / 2                                    if full
                   v = max(variance, eps)

Backward
    poisson_nll    x_bar = l_bar (eˣ - t)
                   t_bar = -l_bar x
                     + l_bar (log t + 1 / (2 t)) where t > 1          if full
    gaussian_nll   m_bar = l_bar (m - t) / v
                   t_bar = -m_bar
                   variance_bar = l_bar (1 - (m - t)² / v) / (2 v)    where variance ≥ eps, else 0

Derivation
    The likelihood of a count is e^(t x) e^(-eˣ) / t!, with Stirling's formula for log t!. deˣ = eˣ dx gives
    dl = (eˣ - t) dx - x dt; d(t log t - t) = log t dt and d log(2π t) / 2 = dt / (2 t).
    The likelihood of a value is that of the normal distribution. d(1 / v) = -dv / v² gives
    dl = (m - t) / v (dm - dt) + (1 / v - (m - t)² / v²) dv / 2. v is constant where the clamp acts.

Residuals
    The arguments, which the caller holds.

Edges
    poisson_nll: a rate of 0 costs 0 at t = 0, inf at t > 0. A rate that overflows costs inf.
    gaussian_nll: below eps the variance has cotangent 0, at eps the whole one. (In torch it is never 0 there: the gradient
    ignores the clamp.) An infinite mean of an infinite target is NaN.

Source
    Nix & Weigend, "Estimating the mean and variance of the target probability distribution", 1994; torch's
    ``PoissonNLLLoss`` and ``GaussianNLLLoss``.

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work), but nothing is kept that the
caller does not hold, and no zero has a slope of NaN.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_number, shapes
from .._common._cotangent import cotangent
from .._common._precision import times, widen


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def poisson_nll(log_rate: Array, target: Array, full: bool = False) -> Array:
    """Take the negative log-likelihood of counts under a Poisson distribution, element by element.

    Args:
      log_rate: ``[...]``, floating: the logarithm of the expected count.
      target: of the same shape and dtype: counts, not negative.
      full: whether to add log(target!), by Stirling's formula and for targets above 1 only, as torch does.

    Returns:
      ``[...]``, each element's loss.

    Raises:
      TypeError, ValueError: dtypes or shapes differ.
    """
    return poisson_nll_fwd(log_rate, target, full)[0]


def poisson_nll_fwd(log_rate, target, full):
    shapes("poisson_nll", log_rate=(log_rate, "..."), target=(target, "..."))
    x, t = widen(log_rate), widen(target)
    rate = jnp.exp(x)
    loss = jnp.where(rate == jnp.inf, jnp.inf, rate - times(t, x))
    if full:
        many = jnp.maximum(t, 1)
        loss = loss + jnp.where(t > 1, many * jnp.log(many) - many + jnp.log(2 * math.pi * many) / 2, 0)
    return loss.astype(log_rate.dtype), (log_rate, target)


def poisson_nll_bwd(full, residuals, l_bar):
    log_rate, target = residuals
    x, t, l_bar = widen(log_rate), widen(target), widen(l_bar)
    slope = -x
    if full:
        many = jnp.maximum(t, 1)
        slope = slope + jnp.where(t > 1, jnp.log(many) + 1 / (2 * many), 0)
    return cotangent(l_bar * (jnp.exp(x) - t), log_rate), cotangent(l_bar * slope, target)


poisson_nll.defvjp(poisson_nll_fwd, poisson_nll_bwd)


def poisson_nll_reference(log_rate, target, full=False):
    """By the logarithm of the whole likelihood, a product of powers."""
    rate = jnp.exp(log_rate)
    stirling = (target / math.e) ** target * jnp.sqrt(2 * math.pi * target)
    factorial = jnp.where(target > 1, stirling, 1) if full else 1
    return rate - jnp.log(rate**target / factorial)


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def gaussian_nll(mean: Array, target: Array, variance: Array, eps: float = 1e-6, full: bool = False) -> Array:
    """Take the negative log-likelihood of values under a normal distribution, element by element.

    Args:
      mean: ``[...]``, floating.
      target: of the same shape and dtype.
      variance: of the same shape and dtype.
      eps: above 0; a smaller variance counts as eps, with gradient 0. Make the variance by a softplus or an exponential.
      full: whether to add the constant log(2π) / 2.

    Returns:
      ``[...]``, each element's loss.

    Raises:
      TypeError, ValueError: dtypes or shapes differ, or eps is not above 0.
    """
    return gaussian_nll_fwd(mean, target, variance, eps, full)[0]


def gaussian_nll_fwd(mean, target, variance, eps, full):
    shapes("gaussian_nll", mean=(mean, "..."), target=(target, "..."), variance=(variance, "..."))
    require_number("gaussian_nll", "eps", eps, "above 0", lambda v: v > 0)
    d, v = widen(mean) - widen(target), jnp.maximum(widen(variance), eps)
    loss = (jnp.log(v) + d / v * d + (math.log(2 * math.pi) if full else 0)) / 2
    return loss.astype(mean.dtype), (mean, target, variance)


def gaussian_nll_bwd(eps, full, residuals, l_bar):
    del full
    mean, target, variance = residuals
    d, v, l_bar = widen(mean) - widen(target), jnp.maximum(widen(variance), eps), widen(l_bar)
    m_bar = l_bar * d / v
    v_bar = jnp.where(widen(variance) >= eps, l_bar * (1 - d / v * d) / (2 * v), 0)
    return cotangent(m_bar, mean), cotangent(-m_bar, target), cotangent(v_bar, variance)


gaussian_nll.defvjp(gaussian_nll_fwd, gaussian_nll_bwd)


def gaussian_nll_reference(mean, target, variance, eps=1e-6, full=False):
    """In terms of the standard deviation."""
    deviation = jnp.sqrt(jnp.where(variance < eps, eps, variance))
    return jnp.log(deviation * math.sqrt(2 * math.pi if full else 1)) + ((target - mean) / deviation) ** 2 / 2
