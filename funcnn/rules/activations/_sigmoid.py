r"""The logistic sigmoid, its logarithm, and softplus, whose derivative it is.

Forward, each element by itself, with σ(x) = 1 / (1 + e⁻ˣ)
    sigmoid      y = σ(x)                            x [...]   y [...]
    log_sigmoid  y = log σ(x) = -log(1 + e⁻ˣ)
    softplus     y = log(1 + eˣ) = -log σ(-x)

Backward
    sigmoid      x_bar = y_bar y (1 - y)
    log_sigmoid  x_bar = y_bar (1 - eʸ)              1 - eʸ = σ(-x)
    softplus     x_bar = y_bar (1 - e⁻ʸ)             1 - e⁻ʸ = σ(x)

Derivation
    1 - σ = e⁻ˣ / (1 + e⁻ˣ), hence dσ = e⁻ˣ / (1 + e⁻ˣ)² dx = σ (1 - σ) dx.
    log_sigmoid: dy = dσ / σ = (1 - σ) dx, and σ = eʸ.
    softplus: dy = eˣ / (1 + eˣ) dx = (1 - σ(-x)) dx, and σ(-x) = e⁻ʸ.
    Each slope, a function of y alone, moves to the other side of ⟨·,·⟩ as it is.
    1 - σ(-|x|), and not σ(|x|), is rounded once: it makes the least error in y near 1, and so in the slope.
    1 - e⁻ʸ loses digits where y is small. With t = tanh(y / 2), e⁻ʸ = (1 - t) / (1 + t) and 1 - e⁻ʸ = 2 t / (1 + t).

Residuals
    y, one array of x's size, which the next layer keeps as its own input: nothing is added.
    log_sigmoid's and softplus's slopes have no larger relative error than y, since |y| eʸ ≤ 1 - eʸ for y < 0.
    sigmoid's slope has lost the digits of x where y is rounded to 1: sigmoid'(8) is 0 in bfloat16, where the truth is
    3.4e-4. x would keep them. It would be an array more than autodiff keeps, and than the next layer needs.

Edges
    At ±inf each function and its slope take their limits. At inf sigmoid is 1 with slope 0, log_sigmoid 0 with slope 0,
    softplus inf with slope 1. At -inf sigmoid is 0 with slope 0, log_sigmoid -inf with slope 1, softplus 0 with slope 0.
    NaN stays NaN in y and in the slope.
    sigmoid's slope is off by at most one ulp of the largest slope, 1/4, in half precision. In float32, where a CPU's
    exponential is itself off by one, the bound is 1.5.

Accuracy
    sigmoid: value within 3 ulp, slope within 129; in half precision 0.51 and 128.
    softplus: value within 3.5 ulp, slope within 7.5; in half precision 0.51 and 1.5.
    log_sigmoid: value within 3.5 ulp, slope within 7.5; in half precision 0.51 and 1.5.

Source
    Goodfellow, Bengio & Courville, "Deep Learning", 2016, section 3.10.

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work). Inside a scan log_sigmoid and
softplus keep one array a step where autodiff keeps several; sigmoid keeps y where autodiff keeps its slope. Alone,
log_sigmoid and softplus take longer, for a tanh of y where autodiff has the exponential at hand.
"""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating
from .._common._cotangent import cotangent
from .._common._precision import widen


@jax.custom_vjp
def sigmoid(x: Array) -> Array:
    """Logistic function of each element, 1 / (1 + exp(-x)).

    Args:
      x: any shape, floating.

    Returns:
      The shape and dtype of x.
    """
    return sigmoid_fwd(x)[0]


def sigmoid_fwd(x):
    require_floating("sigmoid", x=x)
    x32 = widen(x)
    left = x32 < 0
    tail = jax.lax.logistic(jnp.where(left, x32, -x32))  # σ(-|x|), whose digits 1 - tail rounds once
    y = jnp.where(left, tail, 1 - tail).astype(jnp.result_type(x))
    return y, y


def sigmoid_bwd(y, y_bar):
    return (cotangent(widen(y_bar) * widen(y) * (1 - widen(y)), y),)


sigmoid.defvjp(sigmoid_fwd, sigmoid_bwd)


def sigmoid_reference(x):
    return (1 + jnp.tanh(x / 2)) / 2


@jax.custom_vjp
def log_sigmoid(x: Array) -> Array:
    """Logarithm of the logistic function of each element, without overflow.

    Args:
      x: any shape, floating.

    Returns:
      The shape and dtype of x.
    """
    return log_sigmoid_fwd(x)[0]


def log_sigmoid_fwd(x):
    require_floating("log_sigmoid", x=x)
    x32 = widen(x)
    left = x32 <= 0  # one side for both terms: then 0 has its derivatives, of all orders, too
    y = (jnp.where(left, x32, 0) - jnp.log1p(jnp.exp(jnp.where(left, x32, -x32)))).astype(jnp.result_type(x))
    return y, y


def log_sigmoid_bwd(y, y_bar):
    t = jnp.tanh(-0.5 * widen(y))  # 1 - eʸ = 2 t / (1 + t)
    return (cotangent(widen(y_bar) * (2 * t / (1 + t)), y),)


log_sigmoid.defvjp(log_sigmoid_fwd, log_sigmoid_bwd)


def log_sigmoid_reference(x):
    return -jnp.log1p(jnp.exp(-x))


@jax.custom_vjp
def softplus(x: Array) -> Array:
    """log(1 + exp(x)) of each element, without overflow.

    Args:
      x: any shape, floating.

    Returns:
      The shape and dtype of x.
    """
    return softplus_fwd(x)[0]


def softplus_fwd(x):
    require_floating("softplus", x=x)
    x32 = widen(x)
    left = x32 <= 0  # one side for both terms: then 0 has its derivatives, of all orders, too
    y = (jnp.where(left, 0, x32) + jnp.log1p(jnp.exp(jnp.where(left, x32, -x32)))).astype(jnp.result_type(x))
    return y, y


def softplus_bwd(y, y_bar):
    t = jnp.tanh(0.5 * widen(y))  # 1 - e⁻ʸ = 2 t / (1 + t), in a third of expm1's time
    return (cotangent(widen(y_bar) * (2 * t / (1 + t)), y),)


softplus.defvjp(softplus_fwd, softplus_bwd)


def softplus_reference(x):
    return jnp.log1p(jnp.exp(x))
