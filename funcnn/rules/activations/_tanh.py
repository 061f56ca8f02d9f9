r"""The hyperbolic tangent, and the soft cap made of it.

Forward, each element by itself
    tanh     y = tanh x                  x [...]   y [...]
    softcap  y = c tanh(x / c)           c > 0, a fixed number

Backward
    tanh     x_bar = y_bar (1 - y) (1 + y)
    softcap  x_bar = y_bar (1 - y / c) (1 + y / c)

Derivation
    tanh = sinh / cosh and cosh² - sinh² = 1, hence d tanh u = (cosh² u - sinh² u) / cosh² u du = (1 - tanh² u) du.
    tanh: u = x. softcap: u = x / c and dy = c (1 - tanh² u) dx / c = (1 - (y / c)²) dx.
    The slope moves to the other side of ⟨·,·⟩ as it is. As a product it loses no digits that y still has: 1 - y is exact
    near 1, where y² would be rounded first.

Residuals
    y, one array of x's size, which the next layer keeps as its own input: nothing is added.
    The slope has lost the digits of x where y is rounded to ±1: tanh'(4) is 0 in bfloat16, where the truth is 1.3e-3.
    x would keep them. It would be an array more than autodiff keeps, and than the next layer needs.

Edges
    At ±inf each function and its slope take their limits: tanh ±1 and 0, softcap ±c and 0. NaN stays NaN in y and in the
    slope.
    tanh's slope is off by at most one ulp of the largest slope, 1, in every dtype. So is softcap's in half precision; in
    float32, where y / c is rounded once more, by two and a half.

Accuracy
    tanh: value within 5 ulp, slope within 66; in half precision 0.51 and 64.
    softcap: value within 5 ulp, slope within 66; in half precision 0.51 and 64.

Source
    Goodfellow, Bengio & Courville, "Deep Learning", 2016, section 6.3; Bello et al., "Neural combinatorial optimization",
    2017, eq. 16 (softcap).

What the rules give beyond autodiff: inside a scan one array is kept a step where autodiff keeps two. y takes an exponential
more than XLA's tanh: a CPU's is off by 4 ulp near ±1, and the slope with it.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number
from .._common._cotangent import cotangent
from .._common._precision import widen


@jax.custom_vjp
def tanh(x: Array) -> Array:
    """Hyperbolic tangent of each element.

    Args:
      x: any shape, floating.

    Returns:
      The shape and dtype of x.
    """
    return tanh_fwd(x)[0]


def tanh_fwd(x):
    require_floating("tanh", x=x)
    y = _tanh(widen(x)).astype(jnp.result_type(x))
    return y, y


def tanh_bwd(y, y_bar):
    return (cotangent(widen(y_bar) * (1 - widen(y)) * (1 + widen(y)), y),)


tanh.defvjp(tanh_fwd, tanh_bwd)


def tanh_reference(x):
    return jnp.sinh(x) / jnp.cosh(x)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def softcap(x: Array, cap: float) -> Array:
    """``cap tanh(x / cap)``, element by element: x where small, never beyond ±cap.

    Args:
      x: any shape, floating.
      cap: a number above 0.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: x is not floating, or cap is not a number.
      ValueError: cap is not above 0.
    """
    return softcap_fwd(x, cap)[0]


def softcap_fwd(x, cap):
    require_floating("softcap", x=x)
    require_number("softcap", "cap", cap, "above 0, and finite", lambda v: 0 < v < math.inf)
    y = (cap * _tanh(widen(x) / cap)).astype(jnp.result_type(x))
    return y, y


def softcap_bwd(cap, y, y_bar):
    part = widen(y) / cap
    return (cotangent(widen(y_bar) * (1 - part) * (1 + part), y),)


softcap.defvjp(softcap_fwd, softcap_bwd)


def softcap_reference(x, cap):
    return cap * (1 - 2 / (jnp.exp(2 * x / cap) + 1))


def _tanh(u):
    """tanh u = 1 - 2 σ(-2 u) for u > 0, which is rounded once near 1; XLA's own around 0."""
    size = jnp.where(u < 0, -u, u)
    far = 1 - 2 * jax.lax.logistic(-2 * size)
    return jnp.where(size < 0.5, jnp.tanh(u), jnp.where(u < 0, -far, far))
