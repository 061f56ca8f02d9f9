r"""Elementwise activations: y = f(x), x_bar = y_bar f'(x), and f' from whatever is cheapest to keep.

Forward, each element by itself               Backward, x_bar = y_bar times              Residual
    tanh        y = tanh x                        (1 - y)(1 + y)                             y
    sigmoid     y = 1 / (1 + e⁻ˣ)                 y (1 - y)                                  y
    softplus    y = log(1 + eˣ)                   1 - e⁻ʸ  (= sigmoid x)                     y
    relu        y = max(x, 0)                     [y > 0]                                    y
    leaky_relu  y = x if x > 0 else a x           1 if y > 0 else a                          y (x where a < 0)
    gelu        y = x Φ(x)                        Φ(x) + x φ(x)                              x
    silu        y = x σ(x)                        σ(x) (1 + x (1 - σ(x)))                    x

Derivation
    ⟨y_bar, f'(x) dx⟩ = ⟨y_bar f'(x), dx⟩. Where f is invertible, f' is a function of y: tanh' = 1 - tanh², σ' = σ(1 - σ),
    softplus' = σ = 1 - e^(-softplus). Φ' = φ is the normal density. The tanh form of gelu replaces Φ(x) by σ(2u) with
    u = √(2/π) (x + 0.044715 x³); its derivative is σ(2u) + 2 x u' σ(2u) (1 - σ(2u)).

Residuals
    One array of x's size. Where it is y, it is the array that the next layer keeps as its own input: nothing is added.

Edges
    relu'(0) = 0; leaky_relu'(0) = a. At ±inf each function and its derivative take their limits (gelu and silu:
    0 and 0 at -inf, inf and 1 at +inf). NaN gives NaN in y; relu and leaky_relu then take the left branch's derivative.

Source
    Goodfellow, Bengio & Courville, "Deep Learning", 2016, sections 3.10 and 6.3; Hendrycks & Gimpel, "Gaussian Error
    Linear Units", 2016, section 2; Elfwing, Uchibe & Doya, "Sigmoid-weighted linear units", 2018, eqs. 2 and 3.

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work), but inside a scan one array
is kept a step where autodiff keeps up to five. Alone, softplus takes longer, for a tanh of y where autodiff has the
exponential at hand; relu and leaky_relu keep y where a mask of bytes would do, since whatever comes next keeps y as well.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating
from .._common._precision import widen


@jax.custom_vjp
def tanh(x: Array) -> Array:
    """Hyperbolic tangent of each element of ``x`` (any shape, floating)."""
    return tanh_fwd(x)[0]


def tanh_fwd(x):
    require_floating("tanh", x=x)
    y = jnp.tanh(x)
    return y, y


def tanh_bwd(y, y_bar):
    x_bar = widen(y_bar) * (1 - widen(y)) * (1 + widen(y))
    return (x_bar.astype(y.dtype),)


tanh.defvjp(tanh_fwd, tanh_bwd)


def tanh_reference(x):
    return jnp.sinh(x) / jnp.cosh(x)


@jax.custom_vjp
def sigmoid(x: Array) -> Array:
    """Logistic function 1 / (1 + exp(-x)) of each element of ``x`` (any shape, floating)."""
    return sigmoid_fwd(x)[0]


def sigmoid_fwd(x):
    require_floating("sigmoid", x=x)
    y = jax.lax.logistic(x)
    return y, y


def sigmoid_bwd(y, y_bar):
    x_bar = widen(y_bar) * widen(y) * (1 - widen(y))
    return (x_bar.astype(y.dtype),)


sigmoid.defvjp(sigmoid_fwd, sigmoid_bwd)


def sigmoid_reference(x):
    return (1 + jnp.tanh(x / 2)) / 2


@jax.custom_vjp
def softplus(x: Array) -> Array:
    """log(1 + exp(x)) of each element of ``x`` (any shape, floating), without overflow."""
    return softplus_fwd(x)[0]


def softplus_fwd(x):
    require_floating("softplus", x=x)
    left = x <= 0  # one side for both terms: then 0 has its derivatives, of all orders, too
    y = jnp.where(left, 0, x) + jnp.log1p(jnp.exp(jnp.where(left, x, -x)))
    return y, y


def softplus_bwd(y, y_bar):
    t = jnp.tanh(0.5 * widen(y))  # 1 - e⁻ʸ = 2 t / (1 + t), in a third of expm1's time
    x_bar = widen(y_bar) * (2 * t / (1 + t))
    return (x_bar.astype(y.dtype),)


softplus.defvjp(softplus_fwd, softplus_bwd)


def softplus_reference(x):
    return jnp.log1p(jnp.exp(x))


@jax.custom_vjp
def relu(x: Array) -> Array:
    """max(x, 0) of each element of ``x`` (any shape, floating); its derivative at 0 is 0."""
    return relu_fwd(x)[0]


def relu_fwd(x):
    require_floating("relu", x=x)
    y = jnp.where(x <= 0, 0, x)  # NaN stays, and autodiff of this line has 0 at 0, as declared
    return y, y


def relu_bwd(y, y_bar):
    return (jnp.where(y > 0, y_bar, 0),)


relu.defvjp(relu_fwd, relu_bwd)


def relu_reference(x):
    return jnp.where(x > 0, x, 0)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """``x`` where positive, ``negative_slope * x`` elsewhere (any shape, floating); at 0 the derivative is the slope."""
    return leaky_relu_fwd(x, negative_slope)[0]


def leaky_relu_fwd(x, negative_slope):
    require_floating("leaky_relu", x=x)
    y = jnp.where(x > 0, x, negative_slope * x)
    return y, (y if negative_slope >= 0 else x)


def leaky_relu_bwd(negative_slope, kept, y_bar):
    return (jnp.where(kept > 0, y_bar, negative_slope * y_bar),)


leaky_relu.defvjp(leaky_relu_fwd, leaky_relu_bwd)


def leaky_relu_reference(x, negative_slope=0.01):
    return x * jnp.where(x > 0, 1, jnp.asarray(negative_slope, x.dtype))


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


@jax.custom_vjp
def silu(x: Array) -> Array:
    """``x * sigmoid(x)`` of each element of ``x`` (any shape, floating), also called swish."""
    return silu_fwd(x)[0]


def silu_fwd(x):
    require_floating("silu", x=x)
    return silu_value_and_slope(widen(x))[0].astype(jnp.result_type(x)), x


def silu_bwd(x, y_bar):
    return ((widen(y_bar) * silu_value_and_slope(widen(x))[1]).astype(x.dtype),)


def silu_value_and_slope(x):
    """x σ(x), and σ(x) (1 + x (1 - σ(x)))."""
    s = jax.lax.logistic(x)
    inside = jnp.clip(x, -_SIGMOID_FLAT, _SIGMOID_FLAT)
    return jnp.maximum(x, -_SIGMOID_FLAT) * s, s * (1 + inside * (1 - s))


# σ is 0, or 1, from here on, in float64 too.
_SIGMOID_FLAT = 1000.0


silu.defvjp(silu_fwd, silu_bwd)


def silu_reference(x):
    return x / (1 + jnp.exp(-x))
