r"""Dropout: entries are set to 0 at random, and the rest are scaled up.

Forward, with the rate p, and m a draw of 0 and 1 that is 0 with probability p
    y = m x / (1 - p)                      x, y [...]   m [...], of size 1 along the shared axes

Backward
    x_bar = m y_bar / (1 - p)

Derivation
    For a given draw y is linear in x, dy = m dx / (1 - p), and a multiplication is its own transpose.

Residuals
    The key, from which m is drawn again, and x's token, an array without elements, which says its dtype and placement.

Edges
    A dropped entry is 0 whatever x is, ±inf and NaN too, and its cotangent is 0. The draw depends on key and shape only,
    not on the dtype: an entry stays where u ≥ p, with u uniform in float32.

Source
    Srivastava et al., "Dropout", 2014, section 4, scaled while training; Tompson et al., "Efficient object localization
    using convolutional networks", 2015, section 3.2 (whole channels); Huang et al., "Deep networks with stochastic depth",
    2016, eq. 2 (whole examples).

What the rule gives beyond autodiff: a key is kept instead of an array.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_axis, require_floating, require_key, require_number
from .._common._cotangent import cotangent, token
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def dropout(x: Array, key: Array, rate: float, shared: tuple[int, ...] = ()) -> Array:
    """Set a random part of the entries to 0 and scale the rest up, so that the expected value stays.

    Args:
      x: any shape, floating.
      key: a key of `jax.random`.
      rate: the fraction that is dropped, from 0 (included) to 1 (not included).
      shared: axes along which all entries are dropped together: the spatial axes to drop channels, all axes but the first
        to drop examples.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: x is not floating, or key is not a key.
      ValueError: the rate is outside [0, 1), or x has no such axis.
    """
    return dropout_fwd(x, key, rate, shared)[0]


def dropout_fwd(x, key, rate, shared):
    require_floating("dropout", x=x)
    require_key("dropout", key)
    require_number("dropout", "rate", rate, "from 0 to below 1", lambda v: 0 <= v < 1)
    require_axis("dropout", shared, jnp.ndim(x), name="shared")
    return _dropped(x, key, rate, shared).astype(jnp.result_type(x)), (key, token(x))


def dropout_bwd(rate, shared, residuals, y_bar):
    key, x = residuals
    return cotangent(_dropped(y_bar, key, rate, shared), x), None


dropout.defvjp(dropout_fwd, dropout_bwd)


def dropout_reference(x, key, rate, shared=()):
    """As a product with the mask, which is broadcast along the shared axes."""
    shape = [1 if axis in {a % x.ndim for a in shared} else n for axis, n in enumerate(x.shape)]
    mask = jnp.floor(jax.random.uniform(key, shape, jnp.float32) + jnp.float32(1 - rate)).astype(x.dtype)
    return x * jnp.broadcast_to(mask, x.shape) * (1 / (1 - rate))


def _dropped(x, key, rate, shared):
    """m x / (1 - p), widened."""
    x32 = widen(x)
    together = {axis % x32.ndim for axis in shared}
    shape = [1 if axis in together else n for axis, n in enumerate(x32.shape)]
    stays = jax.random.uniform(key, shape, jnp.float32) >= rate
    return jnp.where(stays, x32 / (1 - rate), 0)
