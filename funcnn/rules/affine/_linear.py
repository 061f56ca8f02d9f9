r"""The linear layer: each row of x times a weight matrix, plus a bias.

Forward
    y = x w + b                          x [..., n]   w [n, m]   b [m] or [1, m], or none   y [..., m]

Backward, the leading axes of x taken together as rows
    x_bar = y_bar wᵀ
    w_bar = xᵀ y_bar
    b_bar = Σ_rows y_bar

Derivation
    dy = dx w + x dw + db, and a matrix moves to the other side of ⟨·,·⟩ as its transpose:
    ⟨y_bar, dy⟩ = ⟨y_bar wᵀ, dx⟩ + ⟨xᵀ y_bar, dw⟩ + ⟨Σ_rows y_bar, db⟩.

Residuals
    x, w and b, which the caller holds anyway (of b only the shape is read).

Edges
    None: the map is smooth. n = 0 gives y = b; no rows give w_bar = 0 and b_bar = 0. Half precision is accumulated in
    float32 and rounded once. The backward pass is autodiff's, no faster: it is here to be read, and it is the pattern
    for every rule with a weight.

Source
    Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323, 1986.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jax.lax import dot_general

from .._common._checks import require_floating, require_same_dtype, require_shape
from .._common._cotangent import cotangent, placement
from .._common._precision import as_row, widen


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
    _check(x, w, b)
    y = dot_general(x, w, (((x.ndim - 1,), (0,)), ((), ())), preferred_element_type=widen(x).dtype)
    if b is not None:
        y = y + as_row(widen(b), y)
    return y.astype(x.dtype), (x, w, b)


def linear_bwd(residuals, y_bar):
    x, w, b = residuals
    rows = tuple(range(x.ndim - 1))
    wide = widen(x).dtype
    x_bar = dot_general(
        y_bar, w.T, (((x.ndim - 1,), (0,)), ((), ())), preferred_element_type=wide, out_sharding=placement(x)
    )
    x_rows_last = jnp.moveaxis(x, -1, 0)
    contracted = (tuple(i + 1 for i in rows), rows)
    w_bar = dot_general(
        x_rows_last, y_bar, (contracted, ((), ())), preferred_element_type=wide, out_sharding=placement(w)
    )
    b_bar = None if b is None else cotangent(y_bar, as_row(b, y_bar)).reshape(b.shape)
    return cotangent(x_bar, x), cotangent(w_bar, w), b_bar


linear.defvjp(linear_fwd, linear_bwd)


def linear_reference(x, w, b=None):
    """The same function, entry by entry: the sum over n is written out as a broadcast product."""
    y = (x[..., :, None] * w.reshape((1,) * (x.ndim - 1) + w.shape)).sum(-2)
    return y if b is None else y + as_row(b, y)


def _check(x, w, b):
    biases = {} if b is None else {"b": b}
    require_floating("linear", x=x, w=w, **biases)
    require_shape("linear", "x", x, "[..., n]", x.ndim >= 1)
    fits = w.ndim == 2 and w.shape[0] == x.shape[-1]
    require_shape("linear", "w", w, f"[{x.shape[-1]}, m] to follow x {list(x.shape)}", fits)
    require_same_dtype("linear", x=x, w=w, **biases)
    if b is not None:
        m = w.shape[1]
        require_shape("linear", "b", b, f"[{m}] or [1, {m}] to follow w {list(w.shape)}", b.shape in {(m,), (1, m)})
