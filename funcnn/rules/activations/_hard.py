r"""Activations made of straight lines: y = f(x), x_bar = y_bar f'(x).

Forward                                                  Backward, x_bar = y_bar times          Residual
    hard_tanh     min(max(x, low), high)                     [low < y < high]                       y
    hard_sigmoid  min(max(x + 3, 0), 6) / 6                  1/6 if |x| < 3 else 0                  x
    hard_silu     x min(max(x + 3, 0), 6) / 6                0, (2 x + 3) / 6, 1                    x
                  (0 up to -3, x from 3 on)                  below -3, between, from 3 on
    soft_shrink   x ∓ t if ±x > t else 0                     [y ≠ 0]                                y
    hard_shrink   x if |x| > t else 0                        [y ≠ 0]                                y

Derivation
    ⟨y_bar, f'(x) dx⟩ = ⟨y_bar f'(x), dx⟩, piece by piece.

Residuals
    One array of x's size; y where it tells the piece. That of hard_sigmoid does not: in half precision a y just below 1 is
    rounded to 1.

Edges
    At a kink the slope is 0, except that hard_silu'(3) = 1. hard_tanh, hard_sigmoid and hard_silu take their limits at
    ±inf, with slope 0 (hard_silu at inf: inf and 1). NaN stays NaN in y.

Source
    Courbariaux, Bengio & David, "BinaryConnect", 2015, section 2.2 (hard sigmoid); Howard et al., "Searching for
    MobileNetV3", 2019, section 5.2 (hard swish, and the hard sigmoid of width 6); Donoho, "De-noising by
    soft-thresholding", 1995, eq. 4.

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work). y is kept, which whatever
comes next keeps as well, so that nothing more is kept between two layers, where autodiff keeps a mask or x beside it. The
exception is a scan whose step ends here and whose next step keeps something else: there a mask of bytes would be less.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def hard_tanh(x: Array, low: float = -1.0, high: float = 1.0) -> Array:
    """``x`` cut to the interval from ``low`` to ``high`` (any shape, floating); at both ends the derivative is 0."""
    return hard_tanh_fwd(x, low, high)[0]


def hard_tanh_fwd(x, low, high):
    require_floating("hard_tanh", x=x)
    require_number("hard_tanh", "low", low)
    require_number("hard_tanh", "high", high, f"above low = {low}", high > low)
    y = jnp.where(x <= low, low, jnp.where(x >= high, high, x))
    return y, y


def hard_tanh_bwd(low, high, y, y_bar):
    inside = (y > jnp.asarray(low, y.dtype)) & (y < jnp.asarray(high, y.dtype))
    return (jnp.where(inside, y_bar, 0),)


hard_tanh.defvjp(hard_tanh_fwd, hard_tanh_bwd)


def hard_tanh_reference(x, low=-1.0, high=1.0):
    return (low + high + jnp.abs(x - low) - jnp.abs(x - high)) / 2


@jax.custom_vjp
def hard_sigmoid(x: Array) -> Array:
    """The sigmoid as three lines: ``x / 6 + 1/2`` cut to 0 … 1 (any shape, floating)."""
    return hard_sigmoid_fwd(x)[0]


def hard_sigmoid_fwd(x):
    require_floating("hard_sigmoid", x=x)
    y = jnp.where(x <= -3, 0, jnp.where(x >= 3, 1, (widen(x) + 3) / 6))
    return y.astype(jnp.result_type(x)), x


def hard_sigmoid_bwd(x, y_bar):
    inside = (x > -3) & (x < 3)
    return (jnp.where(inside, widen(y_bar) / 6, 0).astype(x.dtype),)


hard_sigmoid.defvjp(hard_sigmoid_fwd, hard_sigmoid_bwd)


def hard_sigmoid_reference(x):
    return 0.5 + (jnp.abs(x + 3) - jnp.abs(x - 3)) / 12


@jax.custom_vjp
def hard_silu(x: Array) -> Array:
    """``x`` times its hard sigmoid (any shape, floating), also called hard swish."""
    return hard_silu_fwd(x)[0]


def hard_silu_fwd(x):
    require_floating("hard_silu", x=x)
    x32 = widen(x)
    y = jnp.where(x32 <= -3, 0, jnp.where(x32 >= 3, x32, x32 * (x32 + 3) / 6))
    return y.astype(jnp.result_type(x)), x


def hard_silu_bwd(x, y_bar):
    x32 = widen(x)
    slope = jnp.where(x32 <= -3, 0, jnp.where(x32 >= 3, 1, (2 * x32 + 3) / 6))
    return ((widen(y_bar) * slope).astype(x.dtype),)


hard_silu.defvjp(hard_silu_fwd, hard_silu_bwd)


def hard_silu_reference(x):
    return x * hard_sigmoid_reference(x)
