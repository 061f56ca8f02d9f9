r"""Rectifiers that leak: on the left a line of slope a, which is fixed or learned.

Forward, each element by itself
    leaky_relu  y = x if x > 0 else a x          x [...]   y [...]   a: a fixed number
    prelu       y = x if x > 0 else a x          x [..., n]   a: [n], or [] with x [...]

Backward
    both        x_bar = y_bar if x > 0 else a y_bar
    prelu       a_bar = Σ y_bar min(x, 0)        over all elements that one a serves

Derivation
    dy = s dx with s = 1 where x > 0 and s = a elsewhere, and ⟨y_bar, s dx⟩ = ⟨s y_bar, dx⟩.
    y also depends on a where x ≤ 0, linearly: there dy = x da. Every other x adds 0, hence
    ⟨y_bar, min(x, 0) da⟩ = ⟨Σ y_bar min(x, 0), da⟩, the sum running over the copies of a that broadcasting makes.
    With a ≥ 0, y > 0 exactly where x > 0, so that y tells the side; with a < 0 it does not.

Residuals
    leaky_relu: one array of x's size, y, which the next layer keeps as its own input: nothing is added. With a < 0 it is x.
    prelu: x and a, which the caller holds anyway.

Edges
    At 0 the slope is a. At ±inf each function and its slope take their limits; with a = 0, y is NaN at -inf.
    NaN stays NaN in y, with slope a.

Accuracy
    leaky_relu: value within 1 ulp, slope within 0.34; in half precision 1 and 0.34.
    prelu: value within 0.51 ulp, cotangents within 2; in half precision 0.51 and 0.51;
        at random and adversarial points.

Source
    Goodfellow, Bengio & Courville, "Deep Learning", 2016, section 6.3 (leaky_relu); He et al., "Delving deep into
    rectifiers", 2015, eqs. 1 to 3 (prelu).

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work). leaky_relu's y is kept once
between two layers, for both, where autodiff keeps a mask or x beside it. The exception is a scan whose step ends here
and whose next step keeps something else: there a mask of bytes would be less.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number, shapes
from .._common._cotangent import cotangent
from .._common._precision import as_row, widen


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """``x`` where positive, ``negative_slope x`` elsewhere; at 0 the derivative is the negative slope.

    Args:
      x: any shape, floating.
      negative_slope: a of the formulas, a fixed number of either sign.

    Returns:
      The shape and dtype of x.
    """
    return leaky_relu_fwd(x, negative_slope)[0]


def leaky_relu_fwd(x, negative_slope):
    require_floating("leaky_relu", x=x)
    require_number("leaky_relu", "negative_slope", negative_slope)
    y = jnp.where(x > 0, x, negative_slope * x)
    return y, (y if negative_slope >= 0 else x)


def leaky_relu_bwd(negative_slope, kept, y_bar):
    return (cotangent(jnp.where(kept > 0, y_bar, negative_slope * y_bar), kept),)


leaky_relu.defvjp(leaky_relu_fwd, leaky_relu_bwd)


def leaky_relu_reference(x, negative_slope=0.01):
    return x * jnp.where(x > 0, 1, jnp.asarray(negative_slope, x.dtype))


@jax.custom_vjp
def prelu(x: Array, a: Array) -> Array:
    """``x`` where positive, ``a x`` elsewhere, with a learned slope; at 0 the derivative is a.

    Args:
      x: ``[..., features]``, or any shape for one slope; floating.
      a: ``[features]``, or ``[]``, one slope for all; of x's dtype.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: an argument is not floating, or a is not of x's dtype.
      ValueError: a is neither a number nor one slope a feature.
    """
    return prelu_fwd(x, a)[0]


def prelu_fwd(x, a):
    shapes("prelu", x=(x, "... n | []"), a=(a, "[] | n"))
    y = jnp.where(x > 0, x, as_row(a, x) * x)
    return y, (x, a)


def prelu_bwd(residuals, y_bar):
    x, a = residuals
    x_bar = jnp.where(x > 0, y_bar, as_row(a, x) * y_bar)
    a_bar = jnp.where(x > 0, 0, widen(y_bar) * widen(x))
    return cotangent(x_bar, x), cotangent(a_bar, a)


prelu.defvjp(prelu_fwd, prelu_bwd)


def prelu_reference(x, a):
    return jnp.maximum(x, 0) - jnp.broadcast_to(a, x.shape) * jnp.maximum(-x, 0)
