r"""Noise for training: entries dropped at random, or a normal draw added.

Forward, with rate p, and m a draw of 0 and 1 that is 0 with probability p
    dropout          y = m x / (1 - p)            x, y [...]   m [...], of size 1 along the shared axes
    gaussian_noise   y = x + s e                  e [...], standard normal

Backward
    dropout          x_bar = m y_bar / (1 - p)
    gaussian_noise   x_bar = y_bar

Derivation
    For a given draw both maps are linear in x, one a multiplication, the other a shift.

Residuals
    dropout: the key, from which m is drawn again; gaussian_noise: nothing.

Edges
    A dropped entry is 0 whatever x is, ±inf and NaN too, and its cotangent is 0. The draws of dropout depend on key and
    shape only, not on the dtype: u >= p with u uniform in float32.

Source
    Srivastava et al., "Dropout", 2014, section 4, scaled while training; Tompson et al., "Efficient object localization
    using convolutional networks", 2015, section 3.2 (whole channels); Huang et al., "Deep networks with stochastic depth",
    2016, eq. 2 (whole examples).

What the rules give beyond autodiff: a key is kept instead of an array, or nothing at all.
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
      TypeError, ValueError: x is not floating, key is none, rate is outside [0, 1), an axis is none of x's.
    """
    return dropout_fwd(x, key, rate, shared)[0]


def dropout_fwd(x, key, rate, shared):
    require_floating("dropout", x=x)
    require_key("dropout", key)
    require_number("dropout", "rate", rate, "from 0 to below 1", 0 <= rate < 1)
    require_axis("dropout", shared, jnp.ndim(x), name="shared")
    return _dropped(x, key, rate, shared).astype(jnp.result_type(x)), (key, token(x))


def dropout_bwd(rate, shared, residuals, y_bar):
    key, x = residuals
    return cotangent(_dropped(y_bar, key, rate, shared), x), None


dropout.defvjp(dropout_fwd, dropout_bwd)


def dropout_reference(x, key, rate, shared=()):
    """As a product with the mask, of which the axes that share it are an outer product with ones."""
    together = [1 if axis in {a % x.ndim for a in shared} else n for axis, n in enumerate(x.shape)]
    mask = jnp.floor(jax.random.uniform(key, together, jnp.float32) + jnp.float32(1 - rate)).astype(x.dtype)
    return x * jnp.broadcast_to(mask, x.shape) * (1 / (1 - rate))


def _dropped(x, key, rate, shared):
    """x where it stays, scaled up, and 0 elsewhere."""
    x32 = widen(x)
    together = {axis % x32.ndim for axis in shared}
    shape = [1 if axis in together else n for axis, n in enumerate(x32.shape)]
    stays = jax.random.uniform(key, shape, jnp.float32) >= rate
    return jnp.where(stays, x32 / (1 - rate), 0)
