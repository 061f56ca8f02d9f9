r"""The linear layer: each row of x times a weight matrix, plus a bias.

Forward
    y = x w + b                          x [..., n]   w [n, m]   b [m] or [1, m], or None   y [..., m]

Backward, rows being the leading axes of x taken together
    x_bar = y_bar wᵀ
    w_bar = xᵀ y_bar
    b_bar = Σ_rows y_bar

Derivation
    dy = dx w + x dw + db, and a matrix moves to the other side of ⟨·,·⟩ as its transpose:
    ⟨y_bar, dy⟩ = ⟨y_bar wᵀ, dx⟩ + ⟨xᵀ y_bar, dw⟩ + ⟨Σ_rows y_bar, db⟩.

Residuals
    x, w and b, which the caller holds anyway (of b only the shape is read).

Edges
    The map is smooth. n = 0 gives y = b; no rows give w_bar = 0 and b_bar = 0. Half precision is accumulated in float32
    and rounded once.

Accuracy
    linear: value within 3 ulp, cotangents within 2; in half precision 0.51 and 0.51;
        at random and adversarial points.

Source
    Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323, 1986.

What the rule gives beyond autodiff: w_bar is a product of two matrices of rows. A contraction over several leading axes,
which autodiff has, makes XLA on a CPU copy x transposed first, with all elementwise work before it.
"""

import jax
from jax import Array

from .._common._checks import shapes
from .._common._cotangent import cotangent, per_feature
from .._common._precision import as_row, widen
from .._common._product import over_rows, product


@jax.custom_vjp
def linear(x: Array, w: Array, b: Array | None = None) -> Array:
    """Multiply each row by a weight matrix and add a bias.

    Args:
      x: ``[..., n]``, floating.
      w: ``[n, m]``, of x's dtype.
      b: ``[m]`` or ``[1, m]``, of x's dtype; None for no bias.

    Returns:
      ``[..., m]``, of x's dtype.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype.
      ValueError: the shapes do not fit.

    Example:
      >>> rules.linear(jnp.ones((4, 3)), jnp.ones((3, 2)), jnp.zeros(2)).shape
      (4, 2)
    """
    return linear_fwd(x, w, b)[0]


def linear_fwd(x, w, b=None):
    shapes("linear", x=(x, "... n"), w=(w, "n m"), b=(b, "m | 1 m | None"))
    y = product(x, w)
    if b is not None:
        y = y + as_row(widen(b), y)
    return y.astype(x.dtype), (x, w, b)


def linear_bwd(residuals, y_bar):
    x, w, b = residuals
    return cotangent(product(y_bar, w.T, x), x), cotangent(over_rows(x, y_bar, w), w), per_feature(y_bar, b)


linear.defvjp(linear_fwd, linear_bwd)


def linear_reference(x, w, b=None):
    """The same function, entry by entry: the sum over n is written out as a broadcast product."""
    y = (x[..., :, None] * w.reshape((1,) * (x.ndim - 1) + w.shape)).sum(-2)
    return y if b is None else y + as_row(b, y)
