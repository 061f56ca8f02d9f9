r"""Negative log-likelihoods: Poisson counts and Gaussian values, one number an element.

Forward
    poisson_nll    l = r - t q                                        x = prediction, t, l [...]
                     + t log t - t + log(2π t) / 2 where t > 1        if full
                   r = eˣ, q = x                                      if log_input
                   r = x, q = log(x + ε)                              otherwise, ε = 1e-8
    gaussian_nll   l = (log v + (m - t)² / v) / 2                     m, t, variance, v, l [...]
                     + log(2π) / 2                                    if full
                   v = max(variance, eps)

Backward
    poisson_nll    x_bar = l_bar (eˣ - t)                             if log_input
                   x_bar = l_bar (1 - t / (x + ε))                    otherwise
                   t_bar = -l_bar q
                     + l_bar (log t + 1 / (2 t)) where t > 1          if full
    gaussian_nll   m_bar = l_bar (m - t) / v
                   t_bar = -m_bar
                   variance_bar = l_bar (1 - (m - t)² / v) / (2 v)    where variance ≥ eps, else 0

Derivation
    The likelihood of a count is e^(t q) e^(-r) / t!, with Stirling's formula for log t!. So dl = dr - t dq - q dt, with
    dr = eˣ dx and dq = dx if log_input, otherwise dr = dx and dq = dx / (x + ε).
    d(t log t - t) = log t dt and d log(2π t) / 2 = dt / (2 t).
    The likelihood of a value is that of the normal distribution. d(1 / v) = -dv / v² gives
    dl = (m - t) / v (dm - dt) + (1 / v - (m - t)² / v²) dv / 2. v is constant where the clamp acts.

Residuals
    The arguments, which the caller holds.

Edges
    poisson_nll: a rate of 0, of logarithm -inf, costs 0 at t = 0, inf at t > 0. A rate that overflows costs inf. ε is
    torch's: a rate that is itself given as 0 costs 18.4 t.
    gaussian_nll: below eps the variance has cotangent 0, at eps the whole one. (In torch it is never 0 there: the gradient
    ignores the clamp.) Where 1 / v is beyond the range of the dtype, as for v = 1e-6 in float16, all cotangents are 0. An
    infinite mean of an infinite target is NaN.

Accuracy
    poisson_nll: value within 1.5 ulp, cotangents within 2.5; in half precision 0.51 and 0.51;
        at random and adversarial points.
    gaussian_nll: value within 2 ulp, cotangents within 3; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻¹⁰⁰ to 2¹⁰⁰.

Source
    Nix & Weigend, "Estimating the mean and variance of the target probability distribution", 1994; torch's
    ``PoissonNLLLoss`` and ``GaussianNLLLoss``.

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work). Nothing is kept that the caller
does not hold, and no zero has a slope of NaN.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_bool, require_number, shapes
from .._common._cotangent import cotangent
from .._common._precision import representable, times, widen

_EPS = 1e-8


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def poisson_nll(prediction: Array, target: Array, full: bool = False, log_input: bool = True) -> Array:
    """Take the negative log-likelihood of counts under a Poisson distribution, element by element.

    Args:
      prediction: ``[...]``, floating: the logarithm of the expected count, or the expected count.
      target: of the same shape and dtype: counts, not negative.
      full: whether to add log(target!), by Stirling's formula and for targets above 1 only, as torch does.
      log_input: whether the prediction is the logarithm.

    Returns:
      ``[...]``, each element's loss.

    Raises:
      TypeError, ValueError: dtypes or shapes differ, or an option is not a bool.
    """
    return poisson_nll_fwd(prediction, target, full, log_input)[0]


def poisson_nll_fwd(prediction, target, full, log_input):
    shapes("poisson_nll", prediction=(prediction, "..."), target=(target, "..."))
    require_bool("poisson_nll", full=full, log_input=log_input)
    x, t = widen(prediction), widen(target)
    rate, log_rate = (jnp.exp(x), x) if log_input else (x, jnp.log(x + _EPS))
    loss = jnp.where(rate == jnp.inf, jnp.inf, rate - times(t, log_rate))
    if full:
        many = jnp.maximum(t, 1)
        loss = loss + jnp.where(t > 1, many * jnp.log(many) - many + jnp.log(2 * math.pi * many) / 2, 0)
    return loss.astype(prediction.dtype), (prediction, target)


def poisson_nll_bwd(full, log_input, residuals, l_bar):
    prediction, target = residuals
    x, t, l_bar = widen(prediction), widen(target), widen(l_bar)
    x_slope, slope = (jnp.exp(x) - t, -x) if log_input else (1 - t / (x + _EPS), -jnp.log(x + _EPS))
    if full:
        many = jnp.maximum(t, 1)
        slope = slope + jnp.where(t > 1, jnp.log(many) + 1 / (2 * many), 0)
    return cotangent(l_bar * x_slope, prediction), cotangent(l_bar * slope, target)


poisson_nll.defvjp(poisson_nll_fwd, poisson_nll_bwd)


def poisson_nll_reference(prediction, target, full=False, log_input=True):
    """By the logarithm of the whole likelihood, a product of powers."""
    rate = jnp.exp(prediction) if log_input else prediction
    counted = rate if log_input else rate + 1e-8
    stirling = (target / math.e) ** target * jnp.sqrt(2 * math.pi * target)
    factorial = jnp.where(target > 1, stirling, 1) if full else 1
    return rate - jnp.log(counted**target / factorial)


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
      TypeError, ValueError: dtypes or shapes differ, eps is not above 0, or full is not a bool.
    """
    return gaussian_nll_fwd(mean, target, variance, eps, full)[0]


def gaussian_nll_fwd(mean, target, variance, eps, full):
    shapes("gaussian_nll", mean=(mean, "..."), target=(target, "..."), variance=(variance, "..."))
    require_number("gaussian_nll", "eps", eps, "above 0", lambda v: v > 0)
    require_bool("gaussian_nll", full=full)
    d, v = widen(mean) - widen(target), jnp.maximum(widen(variance), eps)
    loss = (jnp.log(v) + d / v * d + (math.log(2 * math.pi) if full else 0)) / 2
    return loss.astype(mean.dtype), (mean, target, variance)


def gaussian_nll_bwd(eps, full, residuals, l_bar):
    del full
    mean, target, variance = residuals
    d, v, l_bar = widen(mean) - widen(target), jnp.maximum(widen(variance), eps), widen(l_bar)
    precision = representable(1 / v, variance)
    m_bar = l_bar * precision * d
    v_bar = jnp.where(widen(variance) >= eps, l_bar * precision / 2 * (1 - d / v * d), 0)
    return cotangent(m_bar, mean), cotangent(-m_bar, target), cotangent(v_bar, variance)


gaussian_nll.defvjp(gaussian_nll_fwd, gaussian_nll_bwd)


def gaussian_nll_reference(mean, target, variance, eps=1e-6, full=False):
    """In terms of the standard deviation."""
    deviation = jnp.sqrt(jnp.where(variance < eps, eps, variance))
    return jnp.log(deviation * math.sqrt(2 * math.pi if full else 1)) + ((target - mean) / deviation) ** 2 / 2
