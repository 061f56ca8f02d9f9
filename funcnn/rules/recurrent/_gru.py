r"""The gated recurrent unit: at each step and feature a mixture of the state before and of a new one.

Forward, for each time step, σ the sigmoid, h the carry and h' the next one
    p = x w_x + b_x,   q = h w_h + b_h   x [batch, n]   h [batch, features]
    r = σ(p_r + q_r),  z = σ(p_z + q_z)  w_x [n, 3 features]   w_h [features, 3 features]
    n = tanh(p_n + r q_n)                b_x, b_h [3 features], or None; parts in the order r, z, n
    h' = (1 - z) n + z h
    y is h' at each step, 0 beyond a row's length, where h stays.

Backward, from the last step to the first, h_bar of a step holding y_bar
    n_bar = h_bar (1 - z) (1 - n²)
    p_bar = (n_bar q_n r (1 - r), h_bar (h - n) z (1 - z), n_bar)
    q_bar is p_bar, but n_bar r in its last part.
    The step before has h_bar = z h_bar + q_bar w_hᵀ. Over all steps together
    x_bar = p_bar w_xᵀ,   w_x_bar = Σ xᵀ p_bar,   w_h_bar = Σ hᵀ q_bar,   b_x_bar = Σ p_bar,   b_h_bar = Σ q_bar

Derivation
    dh' = (1 - z) dn + (h - n) dz + z dh and dn = (1 - n²) (dp_n + r dq_n + q_n dr). For a gate s = σ(a), ds = s (1 - s) da.
    A factor moves to the other side of ⟨·,·⟩ as it is, a matrix as its transpose.

Residuals
    x, h and the weights, which the caller holds anyway; y, each step's h, which the next layer keeps; and of each step
    r, z, n and q_n, in float32 or wider. To compute gates again would take two products more, beside six.

Edges
    The map is smooth. A length of 0 gives y = 0 and the carry that was given. A length beyond the time axis counts as all
    of it. No time at all gives an empty y and the carry that was given. x beyond a length is not read: it may be NaN.

Accuracy
    gru: value within 4 ulp, cotangents within 8; in half precision 0.51 and 2;
        at random and adversarial points of sizes 2⁻⁶ to 2³.

Source
    Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014, eqs. 5 to 8. As in PyTorch and cuDNN, r
    multiplies h w_h + b_h after the product, and z is the share of the state before.

What the rule gives beyond autodiff: a weight's gradient is a few products of many rows, where autodiff adds up one of
``batch`` rows at each step.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._cotangent import cotangent
from .._common._precision import as_row, widen
from ._arguments import sequence
from ._time import Sequence, backward, by_rows, forward, once


@partial(jax.custom_vjp, nondiff_argnums=(7,))
def gru(
    x: Array,
    h: Array,
    w_x: Array,
    w_h: Array,
    b_x: Array | None,
    b_h: Array | None,
    lengths: Array | None = None,
    reverse: bool = False,
) -> tuple[Array, Array]:
    """Carry a state along time, by the gates r and z and the new state n: what is reset, kept and taken instead.

    Args:
      x: ``[batch, time, n]``, floating.
      h: the state before the first step, ``[batch, features]``, of x's dtype.
      w_x: ``[n, 3 · features]``, of x's dtype.
      w_h: ``[features, 3 · features]``, of x's dtype.
      b_x: ``[3 · features]``, of x's dtype, added to x w_x; None for no bias.
      b_h: ``[3 · features]``, of x's dtype, added to h w_h, which r multiplies; None for no bias.
      lengths: ``[batch]``, integers: how many steps of each row count, from the first on; None for all.
      reverse: whether time runs backwards, from each row's own end.

    Returns:
      y ``[batch, time, features]``, 0 beyond a row's length, and the state after the last step.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype; lengths are not integers; reverse is not a bool.
      ValueError: the shapes do not fit.

    Example:
      >>> x, h = jnp.ones((2, 5, 3)), jnp.zeros((2, 4))
      >>> y, last = rules.gru(x, h, jnp.ones((3, 12)), jnp.ones((4, 12)), None, None)
      >>> (last == y[:, -1]).all().item()
      True
    """
    return gru_fwd(x, h, w_x, w_h, b_x, b_h, lengths, reverse)[0]


def gru_fwd(x, h, w_x, w_h, b_x, b_h, lengths, reverse):
    over = sequence("gru", 3, x, w_x, w_h, lengths, reverse, carry={"h": h}, biases={"b_x": b_x, "b_h": b_h})

    def step(carry, from_x, from_h):
        (h,), n = carry, carry[0].shape[1]
        p, q = _plus(from_x, b_x), _plus(from_h, b_h)
        r, z = jnp.split(jax.nn.sigmoid(once(p[:, : 2 * n] + q[:, : 2 * n])), 2, -1)
        n, q_n = jnp.tanh(p[:, 2 * n :] + r * q[:, 2 * n :]), q[:, 2 * n :]
        return ((1 - z) * n + z * h,), (r, z, n, q_n)

    y, (last,), saved = forward(step, over, (h,))
    return (y, last), (x, h, w_x, w_h, b_x, b_h, lengths, y, saved)


def gru_bwd(reverse, residuals, bars):
    x, h, w_x, w_h, b_x, b_h, lengths, y, saved = residuals

    def back(carry_bar, saved, h, y):
        (h_bar,), (r, z, n, q_n) = carry_bar, saved
        n_bar = h_bar * (1 - z) * (1 - n * n)
        gates = n_bar * q_n * r * (1 - r), h_bar * (h - n) * z * (1 - z)
        return (z * h_bar,), jnp.concatenate([*gates, n_bar], -1), jnp.concatenate([*gates, n_bar * r], -1)

    over, (y_bar, last_bar) = Sequence(x, w_x, w_h, lengths, reverse), bars
    x_bar, carry_bar, of_weights = backward(back, over, h, y, saved, (y_bar, (last_bar,)))
    return *map(cotangent, (x_bar, *carry_bar, *of_weights), (x, h, w_x, w_h, b_x, b_h)), None


gru.defvjp(gru_fwd, gru_bwd)


def gru_reference(x, h, w_x, w_h, b_x, b_h, lengths=None, reverse=False):
    """Row by row, each gate by a product of its own."""
    size = h.shape[1]
    b_x, b_h = (jnp.zeros(3 * size, x.dtype) if b is None else b for b in (b_x, b_h))

    def step(carry, x):
        (h,) = carry
        at = lambda k: slice(k * size, (k + 1) * size)
        (p_r, p_z, p_n), (q_r, q_z, q_n) = (
            [a @ w[:, at(k)] + b[at(k)] for k in range(3)] for a, w, b in ((x, w_x, b_x), (h, w_h, b_h))
        )
        kept = jax.nn.sigmoid(p_z + q_z)
        return (kept * h + (1 - kept) * jnp.tanh(p_n + jax.nn.sigmoid(p_r + q_r) * q_n),)

    y, (last,) = by_rows(step, x, (h,), lengths, reverse)
    return y, last


def _plus(a, b):
    return a if b is None else a + as_row(widen(b), a)
