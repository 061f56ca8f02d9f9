"""Whether a derivative is autodiff's, element by element: the terms of the tolerance, and the judgements by them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ._nearby import AS_GIVEN, CLOSE, FAR, FURTHER, Derived, is_half, reach


class Factors(NamedTuple):
    """By how much each term of the tolerance is multiplied.

    Attributes:
      spread: by how much autodiff's answers some roundings away differ: what the point itself leaves open.
      bend: by how much the mean of autodiff's answers to either side is not its answer at the point: its own rounding.
      element: roundings of the element.
      largest: roundings of the largest element, beside which the others are small differences.
      native: autodiff's error in the arguments' own half precision; 0 where that is not half.
    """

    spread: float
    bend: float
    element: float
    largest: float
    native: float = 3


_SINGLE = Factors(spread=16, bend=16, element=64, largest=32)
_HALF = Factors(spread=4, bend=4, element=8, largest=4)  # a rounding is 1 % of a number: 16 would be 12 %

_KINK = 3e-4  # a spread beyond this part of the largest element comes from another branch, and not from rounding
_KINK_ROUNDINGS = 64
_UNDERFLOW = 1024  # smallest normal numbers, which some hardware flushes to zero
_APART = 0.1  # finite differences and autodiff disagree beyond this part of their sizes
_NEARER = 10  # how many times nearer finite differences must be to the rule than to autodiff
_AS_ONE = (
    0.02  # finite differences confirm what they agree with to this part of both: along a bisection they err by 1 %
)


def judge(got: list[Any], near: list[Any], u: float) -> jax.Array:
    """``[largest relative error, number of wrong elements, number of judged ones]`` of arrays against those nearby.

    Args:
      got: the rule's arrays.
      near: for each, autodiff's, stacked as `around` does.
      u: the machine epsilon.
    """
    if not got:
        return jnp.zeros(3, jnp.float32)
    errors, wrong, judged = zip(*(_judge_one(*pair, u) for pair in zip(got, near, strict=True)), strict=True)
    return jnp.stack([jnp.max(jnp.stack(errors)), sum(wrong), sum(judged)])


def _judge_one(got: jax.Array, near: jax.Array, u: float) -> tuple[jax.Array, ...]:
    further, native, near = _real(near[FURTHER]), _real(near[AS_GIVEN]), _real(near[CLOSE])
    got = _real(got).astype(near.dtype)
    finite = jnp.isfinite(near)
    here, known = near[0], finite[0]
    near = jnp.where(finite, near, here)
    low, high = near.min(0), near.max(0)
    size, largest = _largest(here, known), _largest(near, known)
    kink = ~finite.all(0) | (high - low > max(_KINK, _KINK_ROUNDINGS * u) * size)
    slack = _slack(high - low, here, kink, size, largest, u) + _rounding_of_autodiff(further, native, here, known, u)
    wrong = known & ~((got >= low - slack) & (got <= high + slack))
    error = _largest(jnp.nan_to_num(got - here, nan=jnp.inf), known & (wrong | ~kink))
    size = jnp.where(size > 0, size, largest)
    relative = jnp.where((error > 0) & ((size > 0) | wrong.any()), error / size, 0)
    return tuple(a.astype(jnp.float32) for a in (relative, jnp.sum(wrong), jnp.sum(known)))


def _slack(
    spread: jax.Array, here: jax.Array, kink: jax.Array, size: jax.Array, largest: jax.Array, u: float
) -> jax.Array:
    """How far an element may lie outside autodiff's answers close by.

    At a kink every mixture of the gradients around it is right, and one tie of many may be given all.
    """
    by = _factors(u)
    return jnp.where(kink, largest, by.spread * spread + by.element * u * jnp.abs(here) + by.largest * u * size)


def _rounding_of_autodiff(
    further: jax.Array, native: jax.Array, here: jax.Array, known: jax.Array, u: float
) -> jax.Array:
    """What autodiff's own answers are off by: what does not cancel there and back; in half precision all of it."""
    by = _factors(u)
    bent = jnp.maximum(*(jnp.abs(further[i] + further[i + 1] - 2 * here) for i in (0, 2)))
    own = _largest(native - here, known & jnp.isfinite(native))
    tiny = float(jnp.finfo(here.dtype).tiny)
    return by.bend * jnp.where(jnp.isfinite(bent), bent, 0) + by.native * own + _UNDERFLOW * tiny


def _factors(u: float) -> Factors:
    return _HALF if is_half(u) else _SINGLE


def _largest(a: jax.Array, where: jax.Array) -> jax.Array:
    return jnp.max(jnp.where(where, jnp.abs(a), 0), initial=0)


def sides_with(rule: Derived, near: Derived, u: float) -> jax.Array:
    """``[agreed, unseen, 0]``: whether finite differences confirm the rule against autodiff, and whether they cannot.

    They do where autodiff differentiates an algorithm that hides the slope, as bisection does. They cannot where autodiff
    says zero, and what the rule says changes the values by less than a rounding.
    """
    after, before = near.phi[FAR]
    slope, here = (after - before) / (2 * reach(u)), near.slope[0]
    apart = jnp.abs(slope - here)
    agreed = (apart > _APART * (jnp.abs(slope) + jnp.abs(here))) & (_NEARER * jnp.abs(slope - rule.slope) < apart)
    agreed &= jnp.abs(slope - rule.slope) <= _AS_ONE * (jnp.abs(slope) + jnp.abs(rule.slope))
    unseen = (here == 0) & (jnp.abs(rule.slope) * reach(u) <= 4 * u * jnp.abs(near.phi[0]))
    return jnp.stack([agreed, unseen, agreed & False]).astype(jnp.float32)


def _real(a: Any) -> jax.Array:
    a = jnp.asarray(a)
    return jnp.stack([a.real, a.imag], -1) if jnp.iscomplexobj(a) else a
