r"""The gated MLP: hidden units weighted by an activation of a second product; two products, one product, one rule.

Forward, φ being the activation that is handed in, for each row x
    g = x w_gate,  u = x w_up            x [..., n]   w_gate, w_up [n, hidden]
    y = (φ(g) ⊙ u) w_down                w_down [hidden, m]   y [..., m]

Backward, rows being the leading axes of x taken together
    a_bar = y_bar w_downᵀ
    g_bar = φ'(g) ⊙ a_bar ⊙ u,   u_bar = a_bar ⊙ φ(g)
    x_bar = g_bar w_gateᵀ + u_bar w_upᵀ
    w_gate_bar = xᵀ g_bar,   w_up_bar = xᵀ u_bar,   w_down_bar = (φ(g) ⊙ u)ᵀ y_bar

Derivation
    d(φ(g) ⊙ u) = φ'(g) ⊙ u ⊙ dg + φ(g) ⊙ du by the product rule, with dg = dx w_gate + x dw_gate and du alike. A matrix
    moves to the other side of ⟨·,·⟩ as its transpose, a factor as it is. φ(g) and φ'(g) ⊙ · are the activation's own, by
    `jax.vjp`: a hand-written activation keeps its hand-written slope.

Residuals
    x, the weights, which the caller holds anyway, g and u. Of the operands of products φ(g) ⊙ u is computed again,
    elementwise. With a tile g and u are not kept either: their products are computed again, a tile of rows at a time.

Edges
    Those of the activation. No rows give cotangents of 0 for the weights. Half precision is accumulated in float32, in
    which the activation is computed too. The operands of products are rounded, as layers round them.

Accuracy
    gated_mlp: value within 4 ulp, cotangents within 5; in half precision 3 and 3;
        at random and adversarial points of sizes 2⁻⁶ to 2⁶.

Source
    Shazeer, "GLU variants improve transformer", 2020, eq. 6.

The default activation is jax.nn's, since no room of rules imports another; `funcnn.rules.silu`, which has declared values
at ±∞, is handed in like any other function.

What the rule gives beyond autodiff: two arrays of hidden size are kept where the layers keep four, and with a tile not one.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import shapes
from .._common._cotangent import cotangent, varying_as
from .._common._precision import widen
from .._common._product import over_rows, product
from ._options import require_options
from ._tiles import over_tiles


@partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def gated_mlp(
    x: Array,
    w_gate: Array,
    w_up: Array,
    w_down: Array,
    activation: Callable[[Array], Array] = jax.nn.silu,
    tile: int | None = None,
) -> Array:
    """An MLP whose hidden units are weighted by an activation of a second product; with silu this is SwiGLU.

    Args:
      x: ``[..., n]``, floating.
      w_gate: ``[n, hidden]``, of x's dtype: what the activation is applied to.
      w_up: ``[n, hidden]``, of x's dtype: what is weighted.
      w_down: ``[hidden, m]``, of x's dtype.
      activation: a function of rows without parameters, such as ``rules.silu``; its own rule gives its slope.
      tile: how many rows are taken at a time, so that ``[rows, hidden]`` is never whole; None for all.

    Returns:
      ``[..., m]``, of x's dtype.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype; activation is not a function; tile is not an int.
      ValueError: the shapes do not fit, the activation changes shape or dtype, or tile is not above 0.
    """
    return gated_mlp_fwd(x, w_gate, w_up, w_down, activation, tile)[0]


def gated_mlp_fwd(x, w_gate, w_up, w_down, activation, tile):
    weights = {"w_gate": (w_gate, "n hidden"), "w_up": (w_up, "n hidden"), "w_down": (w_down, "hidden m")}
    shapes("gated_mlp", x=(x, "... n"), **weights)
    require_options("gated_mlp", activation, tile, x, w_gate)
    value = lambda g, u: _product((activation(widen(g)) * widen(u)).astype(x.dtype), w_down)
    if tile is None:
        g, u = _product(x, w_gate), _product(x, w_up)
        return value(g, u), (x, w_gate, w_up, w_down, (g, u))
    y, _ = over_tiles(lambda x: (value(_product(x, w_gate), _product(x, w_up)), ()), tile, x)
    return y, (x, w_gate, w_up, w_down, None)


def gated_mlp_bwd(activation, tile, residuals, y_bar):
    x, w_gate, w_up, w_down, kept = residuals

    def of_rows(y_bar, x, kept):
        g, u = (_product(x, w_gate), _product(x, w_up)) if kept is None else kept
        a_bar = product(y_bar, w_down.T, g)
        a, pull = jax.vjp(activation, varying_as(a_bar, widen(g)))
        g_bar, u_bar, h = (v.astype(x.dtype) for v in (*pull(a_bar * widen(u)), a_bar * a, a * widen(u)))
        x_bar = product(g_bar, w_gate.T, x) + product(u_bar, w_up.T, x)
        return x_bar, (over_rows(x, g_bar, w_gate), over_rows(x, u_bar, w_up), over_rows(h, y_bar, w_down))

    x_bar, bars = over_tiles(of_rows, tile, y_bar, x, kept)
    return tuple(map(cotangent, (x_bar, *bars), (x, w_gate, w_up, w_down)))


gated_mlp.defvjp(gated_mlp_fwd, gated_mlp_bwd)


def gated_mlp_reference(x, w_gate, w_up, w_down, activation=jax.nn.silu, tile=None):
    """By einsum, with both first weights in one."""
    g, u = jnp.einsum("...n,nsk->s...k", x, jnp.stack([w_gate, w_up], 1))
    return jnp.einsum("...k,km->...m", activation(g) * u, w_down)


def _product(x, w):
    """The product, rounded to x's dtype."""
    return product(x, w).astype(x.dtype)
