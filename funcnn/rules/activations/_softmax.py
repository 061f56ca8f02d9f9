r"""Softmax, its logarithm, and the logarithm of its denominator, over one axis or several.

Forward, Σ over the axis, top the largest x of a row, total = Σ e^(x - top)
    softmax      y = e^(x - top) / total             x [..., n]   y [..., n]
    log_softmax  y = x - top - log total             y [..., n]
    logsumexp    y = top + log total                 y [...]

Backward
    softmax      x_bar = y (y_bar - Σ y y_bar)
    log_softmax  x_bar = y_bar - e^y Σ y_bar
    logsumexp    x_bar = y_bar e^(x - top) / total

Derivation
    No result depends on top: e^top cancels. With p the softmax of x,
    d logsumexp = Σ e^x dx / Σ e^x = Σ p dx, hence x_bar = y_bar p.
    log p = x - logsumexp x, hence d log p = dx - Σ p dx and
    ⟨y_bar, d log p⟩ = ⟨y_bar, dx⟩ - (Σ y_bar) ⟨p, dx⟩ = ⟨y_bar - p Σ y_bar, dx⟩, with p = e^y.
    dp = p d log p = p (dx - Σ p dx), hence
    ⟨y_bar, dp⟩ = ⟨p y_bar, dx⟩ - (Σ p y_bar) ⟨p, dx⟩ = ⟨p (y_bar - Σ p y_bar), dx⟩, with p = y.

Residuals
    softmax and log_softmax: y alone, one array of x's size, which the caller has just been given. The probabilities are
    those of the rounded y: they do not add up to 1, and softmax's x_bar is off by up to 1.5 eps times the largest
    |y_bar| of its row. Where one y is rounded to 1, that is more than x_bar. log_softmax's e^y is off by |y| times the
    relative error of y, hence by less than 0.2 eps. x would keep these digits, an array more than the next layer's y.
    logsumexp keeps x, which the caller holds, and two numbers a row, top and total: with them the exponentials are the
    forward pass's, and one program makes them once.

Edges
    -inf gives probability 0. Its cotangent is 0, except that log_softmax passes its y_bar on.
    A row of equal entries is uniform, and so is a row of nothing but -inf; entries of +inf share the whole mass. NaN makes
    its row NaN. An empty axis gives an empty array.
    logsumexp is -inf for a row of nothing but -inf, or of nothing at all, with cotangents 0. It is inf where an entry is,
    its cotangent shared among them.

Accuracy
    softmax: value within 4 ulp, cotangents within 3; in half precision 0.51 and 0.51;
        at random and adversarial points.
    log_softmax: value within 2 ulp, cotangents within 4; in half precision 0.51 and 1.5;
        at random and adversarial points.
    logsumexp: value within 1.5 ulp, cotangents within 4; in half precision 0.51 and 0.51;
        at random and adversarial points.

Source
    Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990, section 3.

What the rules give beyond autodiff: in a scan y is kept once, where autodiff keeps the exponentials beside it, and
logsumexp keeps two numbers a row.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_axis, require_bool, require_floating
from .._common._cotangent import cotangent
from .._common._precision import widen

Axis = int | tuple[int, ...]


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def softmax(x: Array, axis: Axis = -1) -> Array:
    """Exponentials over the axis, divided by their sum.

    Args:
      x: floating, of rank 1 or more.
      axis: one axis or several, over which the result sums to 1.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: x is not floating, or the axis is not an int or a tuple of ints.
      ValueError: x does not have the axis, or an axis is named twice.
    """
    return softmax_fwd(x, axis)[0]


def softmax_fwd(x, axis):
    e = jnp.exp(shifted(x, largest("softmax", x, axis)))
    y = (e / jnp.sum(e, axis=axis, keepdims=True)).astype(x.dtype)
    return y, y


def softmax_bwd(axis, y, y_bar):
    y32, y_bar = widen(y), widen(y_bar)
    x_bar = y32 * (y_bar - jnp.sum(y32 * y_bar, axis=axis, keepdims=True))
    return (cotangent(x_bar, y),)


softmax.defvjp(softmax_fwd, softmax_bwd)


def softmax_reference(x, axis=-1):
    return jnp.exp(x - jax.scipy.special.logsumexp(x, axis=axis, keepdims=True))


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def log_softmax(x: Array, axis: Axis = -1) -> Array:
    """Logarithm of the softmax over the axis.

    Args:
      x: floating, of rank 1 or more.
      axis: one axis or several, over which the exponential of the result sums to 1.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: x is not floating, or the axis is not an int or a tuple of ints.
      ValueError: x does not have the axis, or an axis is named twice.
    """
    return log_softmax_fwd(x, axis)[0]


def log_softmax_fwd(x, axis):
    z = shifted(x, largest("log_softmax", x, axis))
    y = (z - jnp.log(jnp.sum(jnp.exp(z), axis=axis, keepdims=True))).astype(x.dtype)
    return y, y


def log_softmax_bwd(axis, y, y_bar):
    y_bar = widen(y_bar)
    x_bar = y_bar - jnp.exp(widen(y)) * jnp.sum(y_bar, axis=axis, keepdims=True)
    return (cotangent(x_bar, y),)


log_softmax.defvjp(log_softmax_fwd, log_softmax_bwd)


def log_softmax_reference(x, axis=-1):
    return jnp.log(jnp.exp(x) / jnp.sum(jnp.exp(x), axis=axis, keepdims=True))


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def logsumexp(x: Array, axis: Axis | None = None, keepdims: bool = False) -> Array:
    """Logarithm of the sum of the exponentials over the axis, without overflow.

    Args:
      x: floating.
      axis: one axis or several; None for all.
      keepdims: whether the axes stay, with size 1.

    Returns:
      The shape of x without the axes, of x's dtype.

    Raises:
      TypeError: x is not floating, the axis is not an int or a tuple of ints, or keepdims not a bool.
      ValueError: x does not have the axis, or an axis is named twice.
    """
    return logsumexp_fwd(x, axis, keepdims)[0]


def logsumexp_fwd(x, axis, keepdims):
    axes = tuple(range(jnp.ndim(x))) if axis is None else axis
    top = largest("logsumexp", x, axes)
    require_bool("logsumexp", keepdims=keepdims)
    total = jnp.sum(jnp.exp(shifted(x, top)), axis=axes, keepdims=True)
    y = (top + jnp.log(total)).astype(jnp.result_type(x))
    return y if keepdims else jnp.squeeze(y, axes), (x, top, total)


def logsumexp_bwd(axis, keepdims, residuals, y_bar):
    x, top, total = residuals
    axes = tuple(range(x.ndim)) if axis is None else axis
    y_bar = widen(y_bar if keepdims else jnp.expand_dims(y_bar, axes))
    share = y_bar / jnp.where(top > -jnp.inf, total, jnp.inf)
    return (cotangent(jnp.exp(shifted(x, top)) * share, x),)


logsumexp.defvjp(logsumexp_fwd, logsumexp_bwd)


def logsumexp_reference(x, axis=None, keepdims=False):
    return jnp.log(jnp.sum(jnp.exp(x), axis=axis, keepdims=keepdims))


def largest(rule, x, axis):
    """Each row's largest entry, on which no result depends, in float32 at least."""
    require_floating(rule, x=x)
    require_axis(rule, axis, jnp.ndim(x))
    return jax.lax.stop_gradient(jnp.max(widen(x), axis=axis, keepdims=True, initial=-jnp.inf))


def shifted(x, top):
    """x less its row's largest entry; an infinite one less itself is 0."""
    x = widen(x)
    return jnp.where(jnp.isinf(top) & (x == top), 0, x - top)
