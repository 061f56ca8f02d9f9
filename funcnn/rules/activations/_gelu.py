r"""The Gaussian error linear unit: x, weighted by the probability that a normal variable is smaller.

Forward, each element by itself, with Φ the normal distribution function or its tanh form
    y = x Φ(x)                           x [...]   y [...]
    Φ(x) = (1 + erf(x / √2)) / 2         exact
    Φ(x) = (1 + tanh u) / 2 = σ(2 u)     tanh form, with u = √(2/π) (x + 0.044715 x³)

Backward, with φ = Φ'
    x_bar = y_bar (Φ(x) + x φ(x))
    φ(x) = e^(-x²/2) / √(2π)             exact: the normal density
    φ(x) = 2 u' σ(2 u) (1 - σ(2 u))      tanh form, with u' = √(2/π) (1 + 3 · 0.044715 x²)

Derivation
    dy = Φ(x) dx + x φ(x) dx by the product rule, and ⟨y_bar, (Φ + x φ) dx⟩ = ⟨y_bar (Φ + x φ), dx⟩.
    In the exact form Φ is the integral of the normal density. In the tanh form σ' = σ (1 - σ) and the chain rule give
    φ = dσ(2 u)/dx = 2 u' σ(2 u) (1 - σ(2 u)).

Residuals
    x, one array, from which Φ and φ are recomputed.

Edges
    At -inf y is 0 with slope 0, at inf it is inf with slope 1. NaN stays NaN in y and in the slope.

Accuracy
    gelu: value within 200 ulp, slope within 80; in half precision 0.51 and 0.51.
    In float32 the tail of y is an exponential of a number that is rounded first. Near its root, -0.75, the slope is a
    difference of products: a bound of 16 would want these in two parts each.

Source
    Hendrycks & Gimpel, "Gaussian Error Linear Units", 2016, section 2.

What the rule gives beyond autodiff: time is the same (the compiler fuses elementwise work). Inside a scan one array is kept
a step where autodiff keeps several.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_bool, require_floating
from .._common._cotangent import cotangent
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def gelu(x: Array, approximate: bool = True) -> Array:
    """``x`` times the normal distribution function of ``x``.

    Args:
      x: any shape, floating.
      approximate: True for the tanh form of the distribution function, False for the exact one by erf.

    Returns:
      The shape and dtype of x.
    """
    return gelu_fwd(x, approximate)[0]


def gelu_fwd(x, approximate):
    require_floating("gelu", x=x)
    require_bool("gelu", approximate=approximate)
    return gelu_value_and_slope(approximate, widen(x))[0].astype(jnp.result_type(x)), x


def gelu_bwd(approximate, x, y_bar):
    return (cotangent(widen(y_bar) * gelu_value_and_slope(approximate, widen(x))[1], x),)


gelu.defvjp(gelu_fwd, gelu_bwd)


def gelu_reference(x, approximate=True):
    if approximate:
        return x / 2 * (1 + jnp.tanh(jnp.sqrt(2 / jnp.pi).astype(x.dtype) * x * (1 + 0.044715 * x * x)))
    return x / 2 * (1 + jax.scipy.special.erf(x / math.sqrt(2)))


# Left of this, Φ and its tanh form are 0, and right of minus this they are 1, in float64 too. ±inf is moved here: 0 · inf
# is never computed.
_FAR_LEFT = -50.0


def gelu_value_and_slope(approximate, x):
    """x Φ(x), and Φ(x) + x φ(x)."""
    inside = jnp.clip(x, _FAR_LEFT, -_FAR_LEFT)
    cdf, pdf = _normal(inside, approximate)
    return jnp.maximum(x, _FAR_LEFT) * cdf, cdf + inside * pdf


def _normal(x, approximate):
    """Φ(x), exact or in its tanh form, and its derivative φ(x)."""
    if not approximate:
        return jax.scipy.special.ndtr(x), jnp.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    c, a = math.sqrt(2 / math.pi), 0.044715
    cdf = jax.lax.logistic(2 * c * (x + a * x**3))
    return cdf, 2 * c * (1 + 3 * a * x**2) * cdf * (1 - cdf)
