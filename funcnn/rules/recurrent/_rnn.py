r"""The simple recurrent network: the state is a nonlinear function of the input and of the state before.

Forward, for each time step, φ being tanh or relu, h the carry and h' the next one
    h' = φ(x w_x + h w_h + b)            x [batch, n]   h [batch, features]
    y is h' at each step, 0 beyond       w_x [n, features]   w_h [features, features]   b [features], or None
    a row's length, where h stays

Backward, from the last step to the first, h_bar of a step holding y_bar
    a_bar = φ' ⊙ h_bar,  with φ' = 1 - y² for tanh, and 1 where y > 0 for relu
    The step before has h_bar = a_bar w_hᵀ. Over all steps together
    x_bar = a_bar w_xᵀ,   w_x_bar = Σ xᵀ a_bar,   w_h_bar = Σ hᵀ a_bar,   b_bar = Σ a_bar

Derivation
    dh' = φ' ⊙ (dx w_x + x dw_x + dh w_h + h dw_h + db). A factor moves to the other side of ⟨·,·⟩ as it is, a matrix as its
    transpose: ⟨h_bar, φ' ⊙ (dh w_h)⟩ = ⟨a_bar w_hᵀ, dh⟩.

Residuals
    x, h and the weights, which the caller holds anyway, and y, which the next layer keeps: each step's h, and its slope. In
    half precision each step's h in float32 as well: slopes multiply along time, and so would the rounding of y in 1 - y².

Edges
    relu's slope at 0 is 0. A length of 0 gives y = 0 and the carry that was given. A length beyond the time axis counts as
    all of it. No time at all gives an empty y and the carry that was given. x beyond a length is not read: it may be NaN.

Accuracy
    rnn: value within 2 ulp, cotangents within 12; in half precision 0.51 and 2;
        at random and adversarial points of sizes 2⁻⁶ to 2³.

Source
    Elman, "Finding structure in time", 1990; Werbos, "Backpropagation through time", 1990, for the backward pass.

What the rule gives beyond autodiff: a weight's gradient is a few products of many rows, where autodiff adds up one of
``batch`` rows at each step, and nothing but y is kept.
"""

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array

from .._common._cotangent import cotangent
from .._common._precision import as_row, widen
from ._arguments import sequence
from ._time import Sequence, backward, by_rows, forward

ACTIVATIONS = {  # of pre-activations, and their slopes from y
    "tanh": (jnp.tanh, lambda y: 1 - y * y),
    "relu": (lambda a: jnp.maximum(a, 0), lambda y: (y > 0).astype(y.dtype)),
}


@partial(jax.custom_vjp, nondiff_argnums=(6, 7))
def rnn(
    x: Array,
    h: Array,
    w_x: Array,
    w_h: Array,
    b: Array | None,
    lengths: Array | None = None,
    reverse: bool = False,
    activation: Literal["tanh", "relu"] = "tanh",
) -> tuple[Array, Array]:
    """Carry a state along time, at each step a nonlinear function of the input and of the state before.

    Args:
      x: ``[batch, time, n]``, floating.
      h: the state before the first step, ``[batch, features]``, of x's dtype.
      w_x: ``[n, features]``, of x's dtype.
      w_h: ``[features, features]``, of x's dtype.
      b: ``[features]``, of x's dtype; None for no bias.
      lengths: ``[batch]``, integers: how many steps of each row count, from the first on; None for all.
      reverse: whether time runs backwards, from each row's own end.
      activation: "tanh" or "relu".

    Returns:
      y ``[batch, time, features]``, 0 beyond a row's length, and the state after the last step.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype; lengths are not integers; reverse is not a bool.
      ValueError: the shapes do not fit, or activation is another one.

    Example:
      >>> x, h = jnp.ones((2, 5, 3)), jnp.zeros((2, 4))
      >>> y, last = rules.rnn(x, h, jnp.ones((3, 4)), jnp.ones((4, 4)), None, reverse=True)
      >>> (last == y[:, 0]).all().item()
      True
    """
    return rnn_fwd(x, h, w_x, w_h, b, lengths, reverse, activation)[0]


def rnn_fwd(x, h, w_x, w_h, b, lengths, reverse, activation):
    over = sequence("rnn", 1, x, w_x, w_h, lengths, reverse, carry={"h": h}, biases={"b": b})
    require_activation(activation)
    value, _ = ACTIVATIONS[activation]

    def step(carry, from_x, from_h):
        a = from_x + from_h
        h = value(a if b is None else a + as_row(widen(b), a))
        return (h,), h if h.dtype != x.dtype else None

    y, (last,), wide = forward(step, over, (h,))
    return (y, last), (x, h, w_x, w_h, b, lengths, y, wide)


def rnn_bwd(reverse, activation, residuals, bars):
    x, h, w_x, w_h, b, lengths, y, wide = residuals
    _, slope = ACTIVATIONS[activation]
    back = lambda carry_bar, wide, h, y: ((None,), carry_bar[0] * slope(y if wide is None else wide), None)
    over, (y_bar, last_bar) = Sequence(x, w_x, w_h, lengths, reverse), bars
    x_bar, (h_bar,), (w_x_bar, w_h_bar, b_bar, _) = backward(back, over, h, y, wide, (y_bar, (last_bar,)))
    return *map(cotangent, (x_bar, h_bar, w_x_bar, w_h_bar, b_bar), (x, h, w_x, w_h, b)), None


rnn.defvjp(rnn_fwd, rnn_bwd)


def rnn_reference(x, h, w_x, w_h, b, lengths=None, reverse=False, activation="tanh"):
    """Row by row, x and h as one vector times one matrix."""
    w = jnp.concatenate([w_x, w_h])

    def step(carry, x):
        a = jnp.concatenate([x, carry[0]]) @ w
        return (getattr(jax.nn, activation)(a if b is None else a + b),)

    y, (last,) = by_rows(step, x, (h,), lengths, reverse)
    return y, last


def require_activation(activation) -> None:
    """Raise ValueError unless the activation is one that there is."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"rnn: activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")
