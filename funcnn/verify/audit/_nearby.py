"""A derivative at a point and at points close by, among which a right rule's derivative must lie."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..programs._facts import formats, stops_at

_EPSILON = {"bfloat16": jnp.bfloat16, "float16": jnp.float16, "float32": jnp.float32, "complex64": jnp.float32,
            "float64": jnp.float64}  # fmt: skip
CLOSE, FURTHER, FAR, AS_GIVEN = slice(0, 5), slice(5, 9), slice(9, 11), 11  # the places of `around`'s points


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
    """The derivative, stacked: at the point and close by, further away, far away, and once more at the point.

    Close by, each number is some roundings away, to both sides of a kink. Half precision is widened for it, where the
    function takes that, since autodiff's own rounding is not the truth. The last one is not widened, so that the rounding
    is known.
    """
    wide = [a.astype(jnp.float32) if a.dtype.itemsize < 4 else a for a in given]
    if not any(a.dtype.itemsize < 4 for a in given) or not _can_be_traced(derivative, bare, wide, along):
        wide = given
    points = [_points(a, d, i, u) for i, (a, d) in enumerate(zip(wide, along, strict=True))]
    near = lax.map(lambda point: derivative(bare, point, along), points)
    if wide is given:
        return jax.tree.map(lambda a: jnp.concatenate([a, a[:1]]), near)
    native = derivative(bare, given, along)
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b[None].astype(a.dtype)]), near, native)


def _can_be_traced(derivative: Derivative, bare: Callable[..., Any], given: list[Any], along: list[Any]) -> bool:
    try:
        jax.eval_shape(lambda given: derivative(bare, given, along), given)
    except Exception:
        return False
    return True


def _points(a: jax.Array, d: jax.Array, i: int, u: float) -> jax.Array:
    """The points of `CLOSE`, `FURTHER` and `FAR`: zeros and ties come apart, infinities stay."""
    size, wave = _size(a), jnp.real(noise(a, i))
    other = jnp.where(jnp.abs(wave) < 1, jnp.abs(wave) - 2, 2 - jnp.abs(wave))
    close, further = (u if is_half(u) else 2 * u) * size, u**0.5 * size
    steps = [close * wave, close * other, further * wave, further * other, d * reach(u)]
    steps = [step.astype(a.dtype) for step in steps]
    return jnp.stack([a, *(a + s for step in steps for s in (step, -step))])


def _size(a: jax.Array) -> jax.Array:
    """The size of each number; a zero's is a thousandth of the largest, so that no other number changes its sign."""
    size = jnp.max(jnp.where(jnp.isfinite(a), jnp.abs(a), 0), initial=0)
    size = jnp.where(size > 0, size, jnp.ones_like(size))
    return jnp.where(jnp.isfinite(a), jnp.where(a == 0, 1e-3 * size, jnp.abs(a)), jnp.zeros_like(size))


def is_half(u: float) -> bool:
    """Whether a machine epsilon is one of half precision."""
    return u >= 1e-4


def reach(u: float) -> float:
    """The step of a central difference, whose truncation and rounding are alike in size, relative to the argument."""
    return u ** (1 / 3)


def directions(given: list[Any]) -> list[Any]:
    """For each argument the direction along which finite differences are taken."""
    return [noise(a, i) * _size(a).astype(a.dtype) for i, a in enumerate(given)]


def precision(bare: Callable[..., Any], given: list[Any]) -> float:
    """The machine epsilon of the coarsest floating-point numbers that the function computes in, or its loops' tolerance."""
    program = jax.make_jaxpr(bare)(given)
    used = formats(program)
    coarsest = next((dtype for name, dtype in _EPSILON.items() if name in used), jnp.float32)
    return max(float(jnp.finfo(coarsest).eps), stops_at(program))


def noise(like: Any, k: int) -> jax.Array:
    """Fixed numbers between ±0.5 and ±1.5, of an array's shape and dtype, cheap to compile."""
    turns = lax.iota(np.float32, like.size) * np.float32(12.9898 + k) + np.float32(k + 1)
    wave = jnp.sin(turns) * np.float32(437.585453)
    wave = 2 * (wave - jnp.floor(wave)) - 1
    wave = (wave + jnp.where(wave < 0, np.float32(-0.5), np.float32(0.5))).reshape(like.shape).astype(like.dtype)
    return jnp.where(like == like, wave, wave)  # so that it varies over a mesh as the array does
