r"""Rectifiers that are constant where they are not the identity: max(x, 0) and its next of kin.

Forward, each element by itself
    relu       y = max(x, 0)                     x [...]   y [...]
    relu6      y = min(max(x, 0), 6)
    threshold  y = x if x > t else v

Backward, with [·] = 1 where the condition holds, and 0 elsewhere
    relu       x_bar = y_bar [y > 0]
    relu6      x_bar = y_bar [0 < y < 6]
    threshold  x_bar = y_bar [x > t]

Derivation
    Each function is the identity on an interval, where dy = dx, and constant outside, where dy = 0. With [·] = 1 on
    the interval, dy = [·] dx, and ⟨y_bar, [·] dx⟩ = ⟨y_bar [·], dx⟩.
    For relu and relu6 y lies strictly between the constants exactly where x does, so that y tells the interval. The v of
    threshold may itself lie above t, so that y does not.

Residuals
    One array of x's size. relu and relu6 keep y, which the next layer keeps as its own input: nothing is added. threshold
    keeps x.

Edges
    relu'(0) = 0; relu6'(0) = relu6'(6) = 0; threshold'(t) = 0.
    At ±inf each function and its slope take their limits.
    NaN stays NaN in y, with slope 0 for relu and relu6, and 1 for threshold.

Accuracy
    relu: value within 0 ulp, slope within 0; in half precision 0 and 0.
    relu6: value within 0 ulp, slope within 0; in half precision 0 and 0.
    threshold: value within 0 ulp, slope within 0; in half precision 0 and 0.

Source
    Goodfellow, Bengio & Courville, "Deep Learning", 2016, section 6.3; Krizhevsky, "Convolutional deep belief networks on
    CIFAR-10", 2010 (relu6).

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work). Between two layers y is kept
once, for both, where autodiff keeps a mask or x beside it. The exception is a scan whose step ends here and whose next
step keeps something else: there a mask of bytes would be less.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number
from .._common._cotangent import cotangent


@jax.custom_vjp
def relu(x: Array) -> Array:
    """The positive part of each element, max(x, 0); its derivative at 0 is 0.

    Args:
      x: any shape, floating.

    Returns:
      The shape and dtype of x.
    """
    return relu_fwd(x)[0]


def relu_fwd(x):
    require_floating("relu", x=x)
    y = jnp.where(x <= 0, 0, x)  # NaN stays, and autodiff of this line has 0 at 0, as declared
    return y, y


def relu_bwd(y, y_bar):
    return (cotangent(jnp.where(y > 0, y_bar, 0), y),)


relu.defvjp(relu_fwd, relu_bwd)


def relu_reference(x):
    return jnp.where(x > 0, x, 0)


@jax.custom_vjp
def relu6(x: Array) -> Array:
    """Each element clipped to 0 … 6, min(max(x, 0), 6); its derivative at 0 and at 6 is 0.

    Args:
      x: any shape, floating.

    Returns:
      The shape and dtype of x.
    """
    return relu6_fwd(x)[0]


def relu6_fwd(x):
    require_floating("relu6", x=x)
    y = jnp.where(x <= 0, 0, jnp.where(x >= 6, 6, x))
    return y, y


def relu6_bwd(y, y_bar):
    return (cotangent(jnp.where((y > 0) & (y < 6), y_bar, 0), y),)


relu6.defvjp(relu6_fwd, relu6_bwd)


def relu6_reference(x):
    return 3 + (jnp.abs(x) - jnp.abs(x - 6)) / 2


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def threshold(x: Array, threshold: float, value: float) -> Array:
    """``x`` where above the threshold, ``value`` elsewhere; at the threshold the derivative is 0.

    Args:
      x: any shape, floating.
      threshold: t of the formulas.
      value: v of the formulas.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: x is not floating, or threshold or value is not a number.
    """
    return threshold_fwd(x, threshold, value)[0]


def threshold_fwd(x, threshold, value):
    require_floating("threshold", x=x)
    require_number("threshold", "threshold", threshold)
    require_number("threshold", "value", value)
    return jnp.where(x <= threshold, value, x), x


def threshold_bwd(threshold, value, x, y_bar):
    del value
    return (cotangent(jnp.where(x <= threshold, 0, y_bar), x),)


threshold.defvjp(threshold_fwd, threshold_bwd)


def threshold_reference(x, threshold, value):
    above = (jnp.sign(x - threshold) + 1) / 2
    return value + above * (x - value)
