"""Whether a derivative is autodiff's: element by element, within what autodiff's own answers close by differ."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


class Derived(NamedTuple):
    """A derivative at a point.

    Attributes:
      values: the function's.
      parts: for each argument, what is compared: its cotangent, or the tangents along it.
      phi, slope: a number that the values make, and its derivative along the directions.
    """

    values: list[Any]
    parts: list[list[Any]]
    phi: jax.Array
    slope: jax.Array


Derivative = Callable[[Callable[..., Any], list[Any], list[Any]], Derived]


def around(derivative: Derivative, bare: Callable[..., Any], given: list[Any], along: list[Any], u: float) -> Derived:
    """The derivative, stacked: at the point, close by, further away, far away, and once more at the point.

    Close by, each number is some roundings away, to both sides of a kink. Half precision is widened for it, where the
    function takes that: autodiff's own rounding is no truth. The last one is not widened, so that the rounding is known.
    """
    wide = given
    if any(a.dtype.itemsize < 4 for a in given):
        wide = [a.astype(jnp.float32) if a.dtype.itemsize < 4 else a for a in given]
    try:
        jax.eval_shape(lambda given: derivative(bare, given, along), wide)
    except Exception:
        wide = given
    points = [_moved(a, d, i, u) for i, (a, d) in enumerate(zip(wide, along, strict=True))]
    near = lax.map(lambda point: derivative(bare, point, along), points)
    if wide is given:
        return jax.tree.map(lambda a: jnp.concatenate([a, a[:1]]), near)
    native = derivative(bare, given, along)
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b[None].astype(a.dtype)]), near, native)


_CLOSE, _FURTHER, _FAR, _AS_GIVEN = slice(0, 5), slice(5, 9), slice(9, 11), 11


def _moved(a, d, i, u):
    """The points of `_CLOSE`, `_FURTHER` and `_FAR`: zeros and ties come apart, infinities stay."""
    size, wave = _size(a), jnp.real(noise(a, i))
    other = jnp.where(jnp.abs(wave) < 1, jnp.abs(wave) - 2, 2 - jnp.abs(wave))
    close, further = (2 * u if u < 1e-4 else u) * size, u**0.5 * size
    steps = [close * wave, close * other, further * wave, further * other, d * _reach(u)]
    steps = [step.astype(a.dtype) for step in steps]
    return jnp.stack([a, *(a + s for step in steps for s in (step, -step))])


def _size(a):
    """Of each number; a zero's is a thousandth of the largest, so that nothing else changes its sign."""
    size = jnp.max(jnp.where(jnp.isfinite(a), jnp.abs(a), 0), initial=0)
    size = jnp.where(size > 0, size, jnp.ones_like(size))
    return jnp.where(jnp.isfinite(a), jnp.where(a == 0, 1e-3 * size, jnp.abs(a)), jnp.zeros_like(size))


def _reach(u):
    return u ** (1 / 3)


def directions(given: list[Any]) -> list[Any]:
    """For each argument the direction along which finite differences are taken."""
    return [noise(a, i) * _size(a).astype(a.dtype) for i, a in enumerate(given)]


def sides_with(rule: Derived, near: Derived, u: float) -> jax.Array:
    """``[agreed, unseen, 0]``: finite differences agree with the rule's derivative, not at all with autodiff's; or cannot.

    They agree where autodiff differentiates an algorithm that hides the slope, as bisection does. They cannot where
    autodiff says zero, and what the rule says changes the values by less than a rounding.
    """
    after, before = near.phi[_FAR]
    slope, here = (after - before) / (2 * _reach(u)), near.slope[0]
    apart = jnp.abs(slope - here)
    agreed = (apart > 0.1 * (jnp.abs(slope) + jnp.abs(here))) & (10 * jnp.abs(slope - rule.slope) < apart)
    unseen = (here == 0) & (jnp.abs(rule.slope) * _reach(u) <= 4 * u * jnp.abs(near.phi[0]))
    return jnp.stack([agreed, unseen, agreed & False]).astype(jnp.float32)


def precision(bare: Callable[..., Any], given: list[Any]) -> float:
    """The machine epsilon of the coarsest floating-point numbers that the function computes in."""
    text = str(jax.make_jaxpr(bare)(given))
    coarsest = next((d for name, d in _DTYPES.items() if re.search(rf"\b{name}\[", text)), jnp.float32)
    return float(jnp.finfo(coarsest).eps)


_DTYPES = {"bf16": jnp.bfloat16, "f16": jnp.float16, "f32": jnp.float32, "c64": jnp.float32, "f64": jnp.float64}


def judge(got: list[Any], near: list[Any], u: float) -> jax.Array:
    """``[largest relative error, number of wrong elements, number of judged ones]`` of arrays against those nearby."""
    if not got:
        return jnp.zeros(3, jnp.float32)
    errors, wrong, judged = zip(*(_judge_one(*pair, u) for pair in zip(got, near, strict=True)), strict=True)
    return jnp.stack([jnp.max(jnp.stack(errors)), sum(wrong), sum(judged)])


def _judge_one(got, near, u):
    further, native, near = _real(near[_FURTHER]), _real(near[_AS_GIVEN]), _real(near[_CLOSE])
    got = _real(got).astype(near.dtype)
    finite = jnp.isfinite(near)
    here, known = near[0], finite[0]
    near = jnp.where(finite, near, here)
    low, high = near.min(0), near.max(0)
    size = jnp.max(jnp.where(known, jnp.abs(here), 0), initial=0)
    spread = high - low
    kink = ~finite.all(0) | (spread > max(3e-4, 64 * u) * size)
    a, b, c = (16, 64, 32) if u < 1e-4 else (4, 8, 4)
    # At a kink every mixture of the gradients around it is right, and one tie of many may be given all.
    largest = jnp.max(jnp.where(known, jnp.abs(near), 0), initial=0)
    slack = jnp.where(kink, largest, a * spread + b * u * jnp.abs(here) + c * u * size)
    # What autodiff's own rounding is: what does not cancel there and back; and in half precision, the whole of it.
    bent = jnp.maximum(*(jnp.abs(further[i] + further[i + 1] - 2 * here) for i in (0, 2)))
    native = jnp.max(jnp.where(known & jnp.isfinite(native), jnp.abs(native - here), 0), initial=0)
    slack += a * jnp.where(jnp.isfinite(bent), bent, 0) + 3 * native + 1024 * float(jnp.finfo(near.dtype).tiny)
    wrong = known & ~((got >= low - slack) & (got <= high + slack))
    error = jnp.max(jnp.where(known & (wrong | ~kink), jnp.nan_to_num(jnp.abs(got - here), nan=jnp.inf), 0), initial=0)
    size = jnp.where(size > 0, size, largest)
    relative = jnp.where((error > 0) & ((size > 0) | wrong.any()), error / size, 0)
    return tuple(a.astype(jnp.float32) for a in (relative, jnp.sum(wrong), jnp.sum(known)))


def noise(like: Any, k: int) -> jax.Array:
    """Fixed numbers between ±0.5 and ±1.5, of an array's shape and dtype, cheap to compile."""
    turns = lax.iota(np.float32, like.size) * np.float32(12.9898 + k) + np.float32(k + 1)
    wave = jnp.sin(turns) * np.float32(437.585453)
    wave = 2 * (wave - jnp.floor(wave)) - 1
    wave = (wave + jnp.where(wave < 0, np.float32(-0.5), np.float32(0.5))).reshape(like.shape).astype(like.dtype)
    return jnp.where(like == like, wave, wave)  # so that it varies over a mesh as the array does


def _real(a):
    a = jnp.asarray(a)
    return jnp.stack([a.real, a.imag], -1) if jnp.iscomplexobj(a) else a
