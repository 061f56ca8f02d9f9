r"""The long short-term memory: a cell that is added to along time, through gates that open and close.

Forward, for each time step, σ the sigmoid, h and c the carry, h' and c' the next one
    i, f, g, o = σ, σ, tanh, σ of the four parts of x w_x + h w_h + b
    c' = f c + i g                       x [batch, n]   h, c [batch, features]
    h' = o tanh c'                       w_x [n, 4 features]   w_h [features, 4 features]   b [4 features], or None
    y is h' at each step, 0 beyond a row's length, where h and c stay.

Backward, from the last step to the first, h_bar of a step holding y_bar
    o_bar = h_bar tanh c'
    c_bar = c'_bar + h_bar o (1 - tanh² c')
    a_bar = (c_bar g i (1 - i), c_bar c f (1 - f), c_bar i (1 - g²), o_bar o (1 - o))
    The step before has h_bar = a_bar w_hᵀ and c_bar f. Over all steps together
    x_bar = a_bar w_xᵀ,   w_x_bar = Σ xᵀ a_bar,   w_h_bar = Σ hᵀ a_bar,   b_bar = Σ a_bar

Derivation
    dh' = tanh c' do + o (1 - tanh² c') dc',  dc' = g di + i dg + c df + f dc,  and for a gate s = σ(a), ds = s (1 - s) da,
    for g = tanh a, dg = (1 - g²) da. A factor moves to the other side of ⟨·,·⟩ as it is, a matrix as its transpose.

Residuals
    x, h and the weights, which the caller holds anyway; y, each step's h, which the next layer keeps; and of each step the
    four gates and c, in float32 or wider. To compute gates again would take two products more, beside six.

Edges
    The map is smooth. A length of 0 gives y = 0 and the carry that was given. A length beyond the time axis counts as all
    of it. No time at all gives an empty y and the carry that was given. x beyond a length is not read: it may be NaN.

Accuracy
    lstm: value within 2 ulp, cotangents within 7; in half precision 0.51 and 2;
        at random and adversarial points of sizes 2⁻⁶ to 2³.

Source
    Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 9, 1997; for the gate f, Gers, Schmidhuber &
    Cummins, "Learning to forget", 2000; for the backward pass, Werbos, "Backpropagation through time", 1990.

What the rule gives beyond autodiff: a weight's gradient is a few products of many rows, where autodiff adds up one of
``batch`` rows at each step.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._cotangent import cotangent, token
from .._common._precision import as_row, widen
from ._arguments import sequence
from ._time import Sequence, backward, by_rows, forward, once


@partial(jax.custom_vjp, nondiff_argnums=(7,))
def lstm(
    x: Array,
    h: Array,
    c: Array,
    w_x: Array,
    w_h: Array,
    b: Array | None,
    lengths: Array | None = None,
    reverse: bool = False,
) -> tuple[Array, tuple[Array, Array]]:
    """Carry a cell and its output along time, by the gates i, f, g, o: what is added, kept, written and shown.

    Args:
      x: ``[batch, time, n]``, floating.
      h, c: the carry before the first step, ``[batch, features]``, of x's dtype.
      w_x: ``[n, 4 · features]``, of x's dtype.
      w_h: ``[features, 4 · features]``, of x's dtype.
      b: ``[4 · features]``, of x's dtype; None for no bias.
      lengths: ``[batch]``, integers: how many steps of each row count, from the first on; None for all.
      reverse: whether time runs backwards, from each row's own end.

    Returns:
      y ``[batch, time, features]``, 0 beyond a row's length, and the carry after the last step, ``(h, c)``.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype; lengths are not integers; reverse is not a bool.
      ValueError: the shapes do not fit.

    Example:
      >>> x, zeros = jnp.ones((2, 5, 3)), jnp.zeros((2, 4))
      >>> w_x, w_h = jnp.ones((3, 16)), jnp.ones((4, 16))
      >>> y, (h, c) = rules.lstm(x, zeros, zeros, w_x, w_h, None, jnp.array([5, 2]))
      >>> y.shape, h.tolist() == [y[0, 4].tolist(), y[1, 1].tolist()]
      ((2, 5, 4), True)
    """
    return lstm_fwd(x, h, c, w_x, w_h, b, lengths, reverse)[0]


def lstm_fwd(x, h, c, w_x, w_h, b, lengths, reverse):
    over = sequence("lstm", 4, x, w_x, w_h, lengths, reverse, carry={"h": h, "c": c}, biases={"b": b})

    def step(carry, from_x, from_h):
        i, f, g, o = _gates(from_x + from_h, b)
        c = f * carry[1] + i * g
        return (o * jnp.tanh(c), c), (i, f, g, o, carry[1])

    y, last, saved = forward(step, over, (h, c))
    return (y, last), (x, h, token(c), w_x, w_h, b, lengths, y, saved)


def lstm_bwd(reverse, residuals, bars):
    x, h, c, w_x, w_h, b, lengths, y, saved = residuals

    def back(carry_bar, saved, h, y):
        h_bar, c_bar = carry_bar
        i, f, g, o, c = saved
        shown = jnp.tanh(f * c + i * g)
        c_bar = c_bar + h_bar * o * (1 - shown * shown)
        slopes = c_bar * g * i * (1 - i), c_bar * c * f * (1 - f), c_bar * i * (1 - g * g), h_bar * shown * o * (1 - o)
        return (None, c_bar * f), jnp.concatenate(slopes, -1), None

    x_bar, carry_bar, (w_x_bar, w_h_bar, b_bar, _) = backward(
        back, Sequence(x, w_x, w_h, lengths, reverse), h, y, saved, bars
    )
    found = zip((x_bar, *carry_bar, w_x_bar, w_h_bar, b_bar), (x, h, c, w_x, w_h, b), strict=True)
    return *(cotangent(bar, a) for bar, a in found), None


lstm.defvjp(lstm_fwd, lstm_bwd)


def lstm_reference(x, h, c, w_x, w_h, b, lengths=None, reverse=False):
    """Row by row, each gate by a product of its own."""
    n = h.shape[1]

    def step(carry, x):
        h, c = carry
        at = lambda k: slice(k * n, (k + 1) * n)
        a = [x @ w_x[:, at(k)] + h @ w_h[:, at(k)] + (0 if b is None else b[at(k)]) for k in range(4)]
        c = jax.nn.sigmoid(a[1]) * c + jax.nn.sigmoid(a[0]) * jnp.tanh(a[2])
        return jax.nn.sigmoid(a[3]) * jnp.tanh(c), c

    return by_rows(step, x, (h, c), lengths, reverse)


def _gates(a, b):
    """The gates i, f, g, o of their pre-activations."""
    i, f, g, o = jnp.split(once(a if b is None else a + as_row(widen(b), a)), 4, -1)
    return jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g), jax.nn.sigmoid(o)
