"""gelu, gelu_value_and_slope: the mathematics stands in `activations/_relu`."""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def gelu(x: Array, approximate: bool = True) -> Array:
    """``x`` times the normal distribution function of ``x`` (any shape, floating).

    Args:
      x: any shape, floating.
      approximate: True for the tanh form of the distribution function, False for the exact one by erf.
    """
    return gelu_fwd(x, approximate)[0]


def gelu_fwd(x, approximate):
    require_floating("gelu", x=x)
    return gelu_value_and_slope(approximate, widen(x))[0].astype(jnp.result_type(x)), x


def gelu_bwd(approximate, x, y_bar):
    return ((widen(y_bar) * gelu_value_and_slope(approximate, widen(x))[1]).astype(x.dtype),)


def gelu_value_and_slope(approximate, x):
    """x Φ(x), and Φ(x) + x φ(x)."""
    inside = jnp.clip(x, _FAR_LEFT, -_FAR_LEFT)
    cdf, pdf = _normal(inside, approximate)
    return jnp.maximum(x, _FAR_LEFT) * cdf, cdf + inside * pdf


def _normal(x, approximate):
    """The distribution function at x, exact or in its tanh form, and its derivative."""
    if not approximate:
        return jax.scipy.special.ndtr(x), jnp.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    c, a = math.sqrt(2 / math.pi), 0.044715
    cdf = jax.lax.logistic(2 * c * (x + a * x**3))
    return cdf, 2 * c * (1 + 3 * a * x**2) * cdf * (1 - cdf)


# Φ and its tanh form are 0 from here on, in float64 too, and 1 on the other side: ±inf is moved here, so that 0 · inf
# never is.
_FAR_LEFT = -50.0


gelu.defvjp(gelu_fwd, gelu_bwd)


def gelu_reference(x, approximate=True):
    if approximate:
        return x / 2 * (1 + jnp.tanh(jnp.sqrt(2 / jnp.pi).astype(x.dtype) * x * (1 + 0.044715 * x * x)))
    return x / 2 * (1 + jax.scipy.special.erf(x / math.sqrt(2)))
