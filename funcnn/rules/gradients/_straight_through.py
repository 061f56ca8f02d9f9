r"""The straight-through estimator: y is a step function of x, and the backward pass is that of the identity.

Forward
    y = f(x), such as round or sign        x, y [...]

Backward
    x_bar = y_bar                          with a limit: only where |x| ≤ limit, else 0

Derivation
    The rule is deliberately not f's derivative, which is 0 almost everywhere for a step. It takes f for the identity,
    dy = dx; with a limit, for the identity clipped to [-limit, limit].

Residuals
    x's token, an array without elements, which says its dtype and placement; with a limit x, which is compared with it.

Edges
    x = ±limit passes the cotangent. NaN in y_bar stays NaN where it is passed.

Source
    Bengio, Léonard & Courville, "Estimating or propagating gradients through stochastic neurons", 2013, section 3.1;
    Hubara et al., "Binarized neural networks", 2016, eq. 4 (the limit).

What the rule gives beyond autodiff: what autodiff cannot give.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.lax import stop_gradient

from .._common._checks import require_floating, require_number, require_shape
from .._common._cotangent import cotangent, token


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def straight_through(x: Array, f: Callable[[Array], Array] = jnp.round, limit: float | None = None) -> Array:
    """Apply f, such as ``jnp.round``, ``jnp.sign`` or a clip, and pass the cotangent of y to x unchanged.

    Args:
      x: any shape, floating.
      f: a function that keeps shape and dtype; its own derivative is not used.
      limit: not below 0; the cotangent passes only where ``|x| <= limit``; None for everywhere. With ``jnp.sign`` and a
        limit of 1 this is the estimator of binarised networks.

    Returns:
      f(x).

    Raises:
      TypeError: x is not floating, f is not a function, or limit not a number.
      ValueError: f changes shape or dtype, or limit is below 0.
    """
    return straight_through_fwd(x, f, limit)[0]


def straight_through_fwd(x, f, limit):
    require_floating("straight_through", x=x)
    if not callable(f):
        raise TypeError(f"straight_through: f must be a function x -> y, got {f!r}")
    if limit is not None:
        require_number("straight_through", "limit", limit, "not below 0", lambda v: v >= 0)
    y = jnp.asarray(f(x))
    same = y.shape == jnp.shape(x) and y.dtype == jnp.result_type(x)
    require_shape("straight_through", "f(x)", y, f"{jnp.result_type(x)}{list(jnp.shape(x))}, as x is", same)
    return y, (token(x) if limit is None else x)


def straight_through_bwd(f, limit, x, y_bar):
    del f
    passed = y_bar if limit is None else jnp.where(jnp.abs(x) <= limit, y_bar, 0)
    return (cotangent(passed, x),)


straight_through.defvjp(straight_through_fwd, straight_through_bwd)


def straight_through_reference(x, f=jnp.round, limit=None):
    """As f(x) = x + (f(x) - x), the difference held constant."""
    passing = x if limit is None else jnp.where(jnp.abs(x) <= limit, x, stop_gradient(x))
    return passing + stop_gradient(f(x) - passing)
