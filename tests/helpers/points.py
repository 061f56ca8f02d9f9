"""Points at which a rule of several numbers is hard to compute: what is random, and what an adversary would try.

An argument is described as in the catalogue. Each point draws for each argument one of the kinds below.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from funcnn.rules._catalogue import Classes, Signs, Simplex, Uniform
from tests.helpers.accuracy import smallest

Draw = Callable[[np.random.Generator, tuple[int, ...], Any], np.ndarray]


def _normal(rng, shape, info):
    return rng.normal(size=shape)


def _of_any_size(rng, shape, info):
    return _exponent(rng, shape, np.log2(float(info.tiny)) + 3, np.log2(float(info.max)) - 6) * rng.normal(size=shape)


def _offset(rng, shape, info):
    return rng.normal(size=shape) + _exponent(rng, shape, 0, info.nmant - 2) * rng.choice([-1, 1])


def _outlier(rng, shape, info):
    a = rng.normal(size=shape)
    a[(..., *(rng.integers(n) for n in shape[1:]))] *= 2.0 ** rng.integers(3, 12)
    return a


def _exponent(rng, shape, low, high):
    """A power of 2 for each point."""
    return 2.0 ** rng.uniform(low, high, (len(shape) and shape[0], *(1 for _ in shape[1:])))


def _signs(rng, shape):
    return rng.choice([-1, 1], shape)


KINDS: dict[str, Draw] = {
    "normal": _normal,
    "wide": lambda rng, shape, info: 30 * rng.normal(size=shape),
    "of any size": _of_any_size,
    "of sizes that differ": lambda rng, shape, info: rng.normal(size=shape) * 2.0 ** rng.uniform(-12, 12, shape),
    "with an offset": _offset,
    "with an outlier": _outlier,
    "ties": lambda rng, shape, info: rng.integers(-2, 3, shape).astype(float),
    "equal": lambda rng, shape, info: np.broadcast_to(_exponent(rng, shape, -9, 9), shape) * rng.choice([-1, 1]),
    "near overflow": lambda rng, shape, info: float(info.max) * rng.uniform(0.25, 1, shape) * _signs(rng, shape),
    "near the smallest": lambda rng, shape, info: smallest(info.dtype) * rng.uniform(0, 16, shape) * _signs(rng, shape),
    "with zeros": lambda rng, shape, info: rng.normal(size=shape) * rng.choice([0, 1], shape),
}  # fmt: skip


def draw_points(
    arguments: tuple[Any, ...], count: int, seed: int, dtype: Any, sizes: tuple[float, float]
) -> tuple[Any, ...]:
    """That many points, on a leading axis: arrays in float64 whose floating numbers the dtype can hold, or integers.

    Args:
      arguments: described as in the catalogue; `Uniform` up to infinity has the sizes of every kind.
      count: of points, the kinds in turn.
      seed: of the draw.
      dtype: whose range and digits count.
      sizes: from the least that is not 0 to the largest.
    """
    rng = np.random.default_rng([seed, jnp.finfo(dtype).bits, jnp.finfo(dtype).nmant])
    return tuple(_drawn(described, count, rng, dtype, sizes) for described in arguments)


def _drawn(described, count, rng, dtype, sizes):
    match described:
        case Classes(shape, classes):
            return rng.integers(0, classes, (count, *shape)).astype(np.int32)
        case Signs(shape):
            return rng.choice([-1.0, 1.0], (count, *shape))
        case Simplex(shape):
            weights = rng.gamma(_exponent(rng, (count, *shape), -4, 2), size=(count, *shape)) + 1e-30
            return _held(weights / weights.sum(-1, keepdims=True), dtype)
        case Uniform(shape, low, high) if np.isfinite(high):
            a = rng.uniform(low, high, (count, *shape))
            return _held(np.where(rng.random(a.shape) < 0.1, rng.choice([low, high], a.shape), a), dtype)
        case Uniform(shape, low, _):
            return np.maximum(np.abs(_of_all_kinds(shape, count, rng, dtype, sizes)), low)
        case _:
            return _of_all_kinds(described, count, rng, dtype, sizes)


def _of_all_kinds(shape, count, rng, dtype, sizes):
    info = jnp.finfo(dtype)
    each = -(-count // len(KINDS))
    a = np.concatenate([draw(rng, (each, *shape), info) for draw in KINDS.values()])
    a = np.clip(rng.permutation(a)[:count], -sizes[1], sizes[1])
    return _held(np.where(np.abs(a) < sizes[0], 0, a), dtype)


def _held(a, dtype):
    """Rounded to the dtype; what is beyond it becomes its largest number, and 0 what would be flushed."""
    limit = float(jnp.finfo(dtype).max)
    a = np.asarray(np.clip(a, -limit, limit).astype(jnp.dtype(dtype)), np.float64)
    return np.where(np.abs(a) < smallest(dtype), 0, a)
