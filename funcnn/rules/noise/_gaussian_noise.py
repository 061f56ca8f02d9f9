r"""Gaussian noise: a normal draw is added.

Forward
    y = x + s e                            x, y [...]   e [...], standard normal

Backward
    x_bar = y_bar

Derivation
    For a given draw y is x moved by a constant: dy = dx.

Residuals
    x's token, an array without elements, which says its dtype and placement.

Edges
    s = 0 gives y = x. ±inf and NaN stay what they are. The cotangent is y_bar everywhere. Half precision is drawn and
    added in float32 and rounded once.

Source
    Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995.

What the rule gives beyond autodiff: nothing but its place among the rules; autodiff keeps nothing either.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_key, require_number
from .._common._cotangent import cotangent, token
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def gaussian_noise(x: Array, key: Array, stddev: float) -> Array:
    """Add a normal draw of the given standard deviation to each entry.

    Args:
      x: any shape, floating.
      key: a key of `jax.random`.
      stddev: standard deviation, not below 0.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: x is not floating, key is not a key, or stddev not a number.
      ValueError: stddev is below 0.
    """
    return gaussian_noise_fwd(x, key, stddev)[0]


def gaussian_noise_fwd(x, key, stddev):
    require_floating("gaussian_noise", x=x)
    require_key("gaussian_noise", key)
    require_number("gaussian_noise", "stddev", stddev, "not below 0", lambda v: v >= 0)
    x32 = widen(x)
    y = x32 + stddev * jax.random.normal(key, x32.shape, x32.dtype)
    return y.astype(jnp.result_type(x)), token(x)


def gaussian_noise_bwd(stddev, x, y_bar):
    del stddev
    return cotangent(y_bar, x), None


gaussian_noise.defvjp(gaussian_noise_fwd, gaussian_noise_bwd)


def gaussian_noise_reference(x, key, stddev):
    """By the inverse of the normal distribution function, as `jax.random.normal` draws it."""
    nearly = jnp.nextafter(jnp.asarray(-1.0, x.dtype), jnp.asarray(0.0, x.dtype))
    u = jax.random.uniform(key, x.shape, x.dtype, nearly, 1.0)
    return x + stddev * 2**0.5 * jax.lax.erf_inv(u)
