"""sigmoid, softplus: the mathematics stands in `activations/_relu`."""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating
from .._common._precision import widen


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
def log_sigmoid(x: Array) -> Array:
    """Logarithm of the logistic function of each element of ``x`` (any shape, floating), without overflow."""
    return log_sigmoid_fwd(x)[0]


def log_sigmoid_fwd(x):
    require_floating("log_sigmoid", x=x)
    x32 = widen(x)
    left = x32 <= 0  # one side for both terms: then 0 has its derivatives, of all orders, too
    y = (jnp.where(left, x32, 0) - jnp.log1p(jnp.exp(jnp.where(left, x32, -x32)))).astype(jnp.result_type(x))
    return y, y


def log_sigmoid_bwd(y, y_bar):
    t = jnp.tanh(-0.5 * widen(y))  # 1 - eʸ = 2 t / (1 + t)
    x_bar = widen(y_bar) * (2 * t / (1 + t))
    return (x_bar.astype(y.dtype),)


log_sigmoid.defvjp(log_sigmoid_fwd, log_sigmoid_bwd)


def log_sigmoid_reference(x):
    return -jnp.log1p(jnp.exp(-x))
