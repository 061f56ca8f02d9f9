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

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number, require_per_feature, require_same_dtype
from .._common._cotangent import cotangent
from .._common._precision import as_row, widen


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


@jax.custom_vjp
def relu6(x: Array) -> Array:
    """min(max(x, 0), 6) of each element of ``x`` (any shape, floating); its derivative at 0 and 6 is 0."""
    return relu6_fwd(x)[0]


def relu6_fwd(x):
    require_floating("relu6", x=x)
    y = jnp.where(x <= 0, 0, jnp.where(x >= 6, 6, x))
    return y, y


def relu6_bwd(y, y_bar):
    return (jnp.where((y > 0) & (y < 6), y_bar, 0),)


relu6.defvjp(relu6_fwd, relu6_bwd)


def relu6_reference(x):
    return 3 + (jnp.abs(x) - jnp.abs(x - 6)) / 2


@jax.custom_vjp
def prelu(x: Array, a: Array) -> Array:
    """``x`` where positive, ``a x`` elsewhere, with a learned slope.

    Args:
      x: ``[..., features]`` (any shape for one slope), floating.
      a: ``[]``, one slope for all, or ``[features]``, of x's dtype.

    Returns:
      The shape and dtype of x. At 0 the derivative is a.
    """
    return prelu_fwd(x, a)[0]


def prelu_fwd(x, a):
    require_floating("prelu", x=x, a=a)
    require_per_feature("prelu", "a", a, x)
    require_same_dtype("prelu", x=x, a=a)
    y = jnp.where(x > 0, x, as_row(a, x) * x)
    return y, (x, a)


def prelu_bwd(residuals, y_bar):
    x, a = residuals
    row = as_row(a, x)
    x_bar = jnp.where(x > 0, y_bar, row * y_bar)
    a_bar = jnp.where(x > 0, 0, widen(y_bar) * widen(x))
    return cotangent(x_bar, x), cotangent(a_bar, row).reshape(a.shape)


prelu.defvjp(prelu_fwd, prelu_bwd)


def prelu_reference(x, a):
    return jnp.maximum(x, 0) - jnp.broadcast_to(a, x.shape) * jnp.maximum(-x, 0)


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def threshold(x: Array, threshold: float, value: float) -> Array:
    """``x`` where above the threshold, ``value`` elsewhere (any shape, floating); at the threshold the derivative is 0."""
    return threshold_fwd(x, threshold, value)[0]


def threshold_fwd(x, threshold, value):
    require_floating("threshold", x=x)
    require_number("threshold", "threshold", threshold)
    require_number("threshold", "value", value)
    return jnp.where(x <= threshold, value, x), x


def threshold_bwd(threshold, value, x, y_bar):
    del value
    return (jnp.where(x <= threshold, 0, y_bar),)


threshold.defvjp(threshold_fwd, threshold_bwd)


def threshold_reference(x, threshold, value):
    above = (jnp.sign(x - threshold) + 1) / 2
    return value + above * (x - value)
