r"""Hard activations: tanh, sigmoid and silu with straight lines, or a parabola, in place of exponentials.

Forward, each element by itself
    hard_tanh     y = min(max(x, low), high)                 x [...]   y [...]   low < high
    hard_sigmoid  y = min(max(x + 3, 0), 6) / 6
    hard_silu     y = x min(max(x + 3, 0), 6) / 6            0 up to -3, x from 3 on

Backward, with [·] = 1 where the condition holds, and 0 elsewhere
    hard_tanh     x_bar = y_bar [low < y < high]
    hard_sigmoid  x_bar = y_bar [-3 < x < 3] / 6
    hard_silu     x_bar = y_bar (0 up to -3, (2 x + 3) / 6 between, 1 from 3 on)

Derivation
    Piece by piece: a constant has slope 0, x slope 1, x / 6 + 1/2 slope 1/6, and x (x + 3) / 6 slope (2 x + 3) / 6.
    The slope moves to the other side of ⟨·,·⟩ as it is: ⟨y_bar, f'(x) dx⟩ = ⟨y_bar f'(x), dx⟩.
    hard_tanh is the identity between low and high, so that y tells the piece.

Residuals
    One array of x's size. hard_tanh keeps y, which the next layer keeps as its own input: nothing is added. hard_sigmoid
    keeps x: in half precision a y just below 1 is rounded to 1. hard_silu keeps x: below 0 two x share a y.

Edges
    At a kink the slope is 0, except that hard_silu'(3) = 1. hard_tanh, hard_sigmoid and hard_silu take their limits at
    ±inf, with slope 0 (hard_silu at inf: inf and 1). NaN stays NaN in y; its slope is 0 for hard_tanh and hard_sigmoid,
    NaN for hard_silu.

Accuracy
    hard_tanh: value within 0 ulp, slope within 0; in half precision 0 and 0.
    hard_sigmoid: value within 1.5 ulp, slope within 0.34; in half precision 0.51 and 0.34.
    hard_silu: value within 2.5 ulp, slope within 1.5; in half precision 0.51 and 0.51.

Source
    Courbariaux, Bengio & David, "BinaryConnect", 2015, section 2.2 (hard sigmoid); Howard et al., "Searching for
    MobileNetV3", 2019, section 5.2 (hard swish, and the hard sigmoid of width 6).

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work). hard_tanh's y is kept once
between two layers, for both, where autodiff keeps masks beside it. The exception is a scan whose step ends here and whose
next step keeps something else: there a mask of bytes would be less. hard_sigmoid and hard_silu keep x alone.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number
from .._common._cotangent import cotangent
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def hard_tanh(x: Array, low: float = -1.0, high: float = 1.0) -> Array:
    """``x`` clipped to the interval from ``low`` to ``high``; at both ends the derivative is 0.

    Args:
      x: any shape, floating.
      low: a number.
      high: a number above low.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: x is not floating, or low or high is not a number.
      ValueError: high is not above low.
    """
    return hard_tanh_fwd(x, low, high)[0]


def hard_tanh_fwd(x, low, high):
    require_floating("hard_tanh", x=x)
    require_number("hard_tanh", "low", low)
    require_number("hard_tanh", "high", high, f"above low = {low}", lambda v: v > low)
    y = jnp.where(x <= low, low, jnp.where(x >= high, high, x))
    return y, y


def hard_tanh_bwd(low, high, y, y_bar):
    inside = (y > jnp.asarray(low, y.dtype)) & (y < jnp.asarray(high, y.dtype))
    return (cotangent(jnp.where(inside, y_bar, 0), y),)


hard_tanh.defvjp(hard_tanh_fwd, hard_tanh_bwd)


def hard_tanh_reference(x, low=-1.0, high=1.0):
    return (low + high + jnp.abs(x - low) - jnp.abs(x - high)) / 2


@jax.custom_vjp
def hard_sigmoid(x: Array) -> Array:
    """The sigmoid as three lines, ``x / 6 + 1/2`` clipped to 0 … 1; at ±3 the derivative is 0.

    Args:
      x: any shape, floating.

    Returns:
      The shape and dtype of x.
    """
    return hard_sigmoid_fwd(x)[0]


def hard_sigmoid_fwd(x):
    require_floating("hard_sigmoid", x=x)
    y = jnp.where(x <= -3, 0, jnp.where(x >= 3, 1, (widen(x) + 3) / 6))
    return y.astype(jnp.result_type(x)), x


def hard_sigmoid_bwd(x, y_bar):
    inside = (x > -3) & (x < 3)
    return (cotangent(jnp.where(inside, widen(y_bar) / 6, 0), x),)


hard_sigmoid.defvjp(hard_sigmoid_fwd, hard_sigmoid_bwd)


def hard_sigmoid_reference(x):
    return 0.5 + (jnp.abs(x + 3) - jnp.abs(x - 3)) / 12


@jax.custom_vjp
def hard_silu(x: Array) -> Array:
    """``x`` times its hard sigmoid, also called hard swish; the derivative at -3 is 0, at 3 it is 1.

    Args:
      x: any shape, floating.

    Returns:
      The shape and dtype of x.
    """
    return hard_silu_fwd(x)[0]


def hard_silu_fwd(x):
    require_floating("hard_silu", x=x)
    x32 = widen(x)
    y = jnp.where(x32 <= -3, 0, jnp.where(x32 >= 3, x32, x32 * (x32 + 3) / 6))
    return y.astype(jnp.result_type(x)), x


def hard_silu_bwd(x, y_bar):
    x32 = widen(x)
    slope = jnp.where(x32 <= -3, 0, jnp.where(x32 >= 3, 1, (2 * x32 + 3) / 6))
    return (cotangent(widen(y_bar) * slope, x),)


hard_silu.defvjp(hard_silu_fwd, hard_silu_bwd)


def hard_silu_reference(x):
    return x * hard_sigmoid_reference(x)
