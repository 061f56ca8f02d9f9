r"""The multilayer perceptron with one hidden layer: two products, and what is between, as one rule.

Forward, φ being the activation that is handed in, for each row x
    h = x w_in + b_in                    x [..., n]   w_in [n, hidden]   b_in [hidden], or None
    y = φ(h) w_out + b_out               w_out [hidden, m]   b_out [m], or None   y [..., m]

Backward, rows being the leading axes of x taken together
    h_bar = φ'(h) ⊙ (y_bar w_outᵀ)
    x_bar = h_bar w_inᵀ
    w_in_bar = xᵀ h_bar,   w_out_bar = φ(h)ᵀ y_bar
    b_in_bar = Σ_rows h_bar,   b_out_bar = Σ_rows y_bar

Derivation
    dy = (φ'(h) ⊙ dh) w_out + φ(h) dw_out + db_out with dh = dx w_in + x dw_in + db_in. A matrix moves to the other side
    of ⟨·,·⟩ as its transpose, a factor as it is: ⟨y_bar, (φ' ⊙ dh) w_out⟩ = ⟨h_bar, dh⟩.
    φ(h) and φ'(h) ⊙ · are the activation's own, by `jax.vjp`: a hand-written activation keeps its hand-written slope.

Residuals
    x, weights and biases, which the caller holds anyway, and the pre-activation h. Of the operands of products φ(h) is
    computed again, elementwise. With a tile h is not kept either: the first product is computed again, a tile of rows at
    a time, so that nothing of hidden size is there for all rows.

Edges
    Those of the activation. No rows give cotangents of 0 for the weights; hidden = 0 gives y = b_out. Half precision is
    accumulated in float32, in which the activation is computed too. The operands of products are rounded, as layers
    round them.

Accuracy
    mlp: value within 3 ulp, cotangents within 20; in half precision 2 and 2;
        at random and adversarial points of sizes 2⁻⁶ to 2⁶.

Source
    Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323, 1986.

The default activation is jax.nn's, since no room of rules imports another; `funcnn.rules.gelu`, which has declared values
at ±∞, is handed in like any other function.

What the rule gives beyond autodiff: one array of hidden size is kept where a linear layer, an activation and a linear layer
keep two, and with a tile not one.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import shapes
from .._common._cotangent import cotangent, varying_as
from .._common._precision import as_row, widen
from .._common._product import over_rows, product
from ._options import require_options
from ._tiles import over_tiles


@partial(jax.custom_vjp, nondiff_argnums=(5, 6))
def mlp(
    x: Array,
    w_in: Array,
    w_out: Array,
    b_in: Array | None = None,
    b_out: Array | None = None,
    activation: Callable[[Array], Array] = jax.nn.gelu,
    tile: int | None = None,
) -> Array:
    """A linear layer, an activation and a linear layer, which keep the pre-activation alone.

    Args:
      x: ``[..., n]``, floating.
      w_in: ``[n, hidden]``, of x's dtype.
      w_out: ``[hidden, m]``, of x's dtype.
      b_in: ``[hidden]``, of x's dtype; None for no bias.
      b_out: ``[m]``, of x's dtype; None for no bias.
      activation: a function of rows without parameters, such as ``rules.gelu``; its own rule gives its slope.
      tile: how many rows are taken at a time, so that ``[rows, hidden]`` is never whole; None for all.

    Returns:
      ``[..., m]``, of x's dtype.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype; activation is not a function; tile is not an int.
      ValueError: the shapes do not fit, the activation changes shape or dtype, or tile is not above 0.

    Example:
      >>> rules.mlp(jnp.ones((4, 3)), jnp.ones((3, 12)), jnp.ones((12, 3)), activation=rules.relu, tile=2)[0].tolist()
      [36.0, 36.0, 36.0]
    """
    return mlp_fwd(x, w_in, w_out, b_in, b_out, activation, tile)[0]


def mlp_fwd(x, w_in, w_out, b_in, b_out, activation, tile):
    weights = {"w_in": (w_in, "n hidden"), "w_out": (w_out, "hidden m")}
    shapes("mlp", x=(x, "... n"), **weights, b_in=(b_in, "hidden | None"), b_out=(b_out, "m | None"))
    require_options("mlp", activation, tile, x, w_in)
    value = lambda h: _layer(activation(widen(h)).astype(x.dtype), w_out, b_out)
    if tile is None:
        h = _layer(x, w_in, b_in)
        return value(h), (x, w_in, w_out, b_in, b_out, h)
    y, _ = over_tiles(lambda x: (value(_layer(x, w_in, b_in)), ()), tile, x)
    return y, (x, w_in, w_out, b_in, b_out, None)


def mlp_bwd(activation, tile, residuals, y_bar):
    x, w_in, w_out, b_in, b_out, h = residuals

    def of_rows(y_bar, x, h):
        h = _layer(x, w_in, b_in) if h is None else h
        a_bar = product(y_bar, w_out.T, h)
        a, pull = jax.vjp(activation, varying_as(a_bar, widen(h)))
        (h_bar,) = pull(a_bar)
        biases = _sum(h_bar, b_in), _sum(y_bar, b_out)
        a, h_bar = a.astype(x.dtype), h_bar.astype(x.dtype)
        return product(h_bar, w_in.T, x), (over_rows(x, h_bar, w_in), over_rows(a, y_bar, w_out), *biases)

    x_bar, bars = over_tiles(of_rows, tile, y_bar, x, h)
    return tuple(map(cotangent, (x_bar, *bars), (x, w_in, w_out, b_in, b_out)))


mlp.defvjp(mlp_fwd, mlp_bwd)


def mlp_reference(x, w_in, w_out, b_in=None, b_out=None, activation=jax.nn.gelu, tile=None):
    """By einsum, with the biases added by broadcasting."""
    h = jnp.einsum("...n,nk->...k", x, w_in)
    h = h if b_in is None else h + as_row(b_in, h)
    y = jnp.einsum("...k,km->...m", activation(h), w_out)
    return y if b_out is None else y + as_row(b_out, y)


def _layer(x, w, b):
    y = product(x, w)
    return (y if b is None else y + as_row(widen(b), y)).astype(x.dtype)


def _sum(bar, b):
    """The sum over rows, in float32 or wider; None where there is no bias."""
    return None if b is None else jnp.sum(widen(bar), axis=tuple(range(bar.ndim - 1)))
