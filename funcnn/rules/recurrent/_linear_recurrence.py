r"""The linear recurrence, feature by feature: what is kept of the state before, plus the input, by an associative scan.

Forward, for each time step
    h' = a h + x                         x, y [batch, time, features]   h [batch, features]
    y is h' at each step                 a as x, or [features]
    Two steps (a₁, x₁) and then (a₂, x₂) are one, (a₁ a₂, a₂ x₁ + x₂), so that all prefixes take log₂ time rounds.

Backward, the same recurrence from the last step to the first, with a of the step after
    x_bar = y_bar + a_after x_bar_after
    a_bar = h x_bar, for h before the step, and for a [features] their sum
    h_bar of the first carry is a x_bar of the first step.

Derivation
    dh' = a dh + h da + dx. What comes to h' is y_bar and, through the next step, a_after times what comes to that.

Residuals
    a and h, which the caller holds anyway, and y, which the next layer keeps: h before each step is y a step earlier.

Edges
    A length of 0 gives y = 0 and the carry that was given. A length beyond the time axis counts as all of it. No time at
    all gives an empty y and the carry that was given. a and x beyond a length are not read. Products of a along time are
    formed: where they overflow, y may be NaN. Half precision is accumulated in float32.

Accuracy
    linear_recurrence: value within 3 ulp, cotangents within 4; in half precision 0.51 and 1.5;
        at random and adversarial points of sizes 2⁻²⁰ to 2²⁰.
    a_bar is of y as it was rounded, and no more exact than a y below the dtype's normal numbers.

Source
    Blelloch, "Prefix sums and their applications", 1990, section 1.4; Martin & Cundy, "Parallelizing linear recurrent
    neural nets over sequence length", 2018.

What the rule gives beyond autodiff: nothing of the scan's rounds is kept.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._common._checks import shapes
from .._common._cotangent import cotangent, token
from .._common._precision import widen
from ._arguments import require_direction
from ._time import before, by_rows, chosen


@partial(jax.custom_vjp, nondiff_argnums=(4,))
def linear_recurrence(
    a: Array, x: Array, h: Array, lengths: Array | None = None, reverse: bool = False
) -> tuple[Array, Array]:
    """Keep a part of the state at each step, and add the input, feature by feature: in parallel over time.

    Args:
      a: what the state is multiplied by, ``[batch, time, features]`` or ``[features]``, of x's dtype.
      x: ``[batch, time, features]``, floating.
      h: the state before the first step, ``[batch, features]``, of x's dtype.
      lengths: ``[batch]``, integers: how many steps of each row count, from the first on; None for all.
      reverse: whether time runs backwards, from each row's own end.

    Returns:
      y ``[batch, time, features]``, 0 beyond a row's length, and the state after the last step.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype; lengths are not integers; reverse is not a bool.
      ValueError: the shapes do not fit.

    Example:
      >>> y, last = rules.linear_recurrence(jnp.array([0.5]), jnp.ones((1, 3, 1)), jnp.zeros((1, 1)))
      >>> y[0, :, 0].tolist(), last.tolist()
      ([1.0, 1.5, 1.75], [[1.75]])
    """
    return linear_recurrence_fwd(a, x, h, lengths, reverse)[0]


def linear_recurrence_fwd(a, x, h, lengths, reverse):
    whole = "batch time features"
    shapes("linear_recurrence", x=(x, whole), a=(a, f"{whole} | features"), h=(h, "batch features"))
    require_direction("linear_recurrence", x, lengths, reverse)
    if not x.shape[1]:
        return (x, h), (a, token(x), h, lengths, x)
    valid, first, last = _places(x, lengths, reverse)
    kept, added = chosen(valid, _in_time(a, x), 1), chosen(valid, widen(x), 0)
    added = added.at[:, first].add(kept[:, first] * widen(h))
    y = _scan(kept, added, reverse)
    y, h_last = chosen(valid, y, 0).astype(x.dtype), y[:, last].astype(x.dtype)
    return (y, h_last), (a, token(x), h, lengths, y)


def linear_recurrence_bwd(reverse, residuals, bars):
    (a, x, h, lengths, y), (y_bar, last_bar) = residuals, bars
    if not y.shape[1]:
        return cotangent(jnp.zeros_like(a), a), cotangent(y_bar, y), cotangent(last_bar, h), None
    valid, first, last = _places(y, lengths, reverse)
    kept = chosen(valid, _in_time(a, y), 1)
    after = jnp.roll(kept, 1 if reverse else -1, 1)
    bar = chosen(valid, widen(y_bar), 0).at[:, last].add(widen(last_bar))
    bar = _scan(after, bar, not reverse)
    a_bar = chosen(valid, widen(before(h, y, lengths, reverse)) * bar, 0)
    h_bar = kept[:, first] * bar[:, first]
    return cotangent(a_bar, a), cotangent(chosen(valid, bar, 0), x), cotangent(h_bar, h), None


linear_recurrence.defvjp(linear_recurrence_fwd, linear_recurrence_bwd)


def linear_recurrence_reference(a, x, h, lengths=None, reverse=False):
    """Row by row, a step at a time."""
    both = jnp.concatenate([jnp.broadcast_to(_in_time(a, x), x.shape), x], -1)

    def step(carry, at):
        a, x = jnp.split(at, 2)
        return (a * carry[0] + x,)

    y, (last,) = by_rows(step, both, (h,), lengths, reverse)
    return y, last


def _scan(a, x, reverse):
    """h after each step, from 0 on; what a is where time begins does not matter."""
    two = lambda one, then: (one[0] * then[0], then[0] * one[1] + then[1])
    return lax.associative_scan(two, (a, x), reverse=reverse, axis=1)[1]


def _in_time(a, x):
    """a in float32 or wider, with axes for batch and time."""
    return jnp.repeat(widen(a)[None, None], x.shape[1], 1) if a.ndim == 1 else widen(a)


def _places(x, lengths, reverse):
    """Which positions count, ``[batch, time, 1]`` or None for all, and where time begins and ends."""
    time = x.shape[1]
    positions = jnp.arange(time, dtype=jnp.int32)[None]
    valid = None if lengths is None else (positions < lengths.astype(jnp.int32)[:, None])[..., None]
    return valid, *((time - 1, 0) if reverse else (0, time - 1))
