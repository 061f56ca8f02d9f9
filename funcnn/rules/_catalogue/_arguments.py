"""How an argument is described, and how the arrays that are described are made.

A shape stands for a normal draw, `Uniform`, `Signs`, `Simplex`, `Classes` and `Key` for what their names say, None for an
argument left out. `draw_all` makes the arrays.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Shape = tuple[int, ...]


class Uniform(NamedTuple):
    """Numbers from ``low`` to ``high``, of the shape given."""

    shape: Shape
    low: float = 0.0
    high: float = 1.0


class Signs(NamedTuple):
    """Numbers that are -1 or 1, of the shape given."""

    shape: Shape


class Simplex(NamedTuple):
    """Non-negative entries that sum to 1 over the last axis, of the shape given."""

    shape: Shape


class Classes(NamedTuple):
    """Integers ``low`` … classes - 1, of the shape given."""

    shape: Shape
    classes: int
    low: int = 0


class Key(NamedTuple):
    """A key of `jax.random`."""

    shape: Shape = ()


class Zeros(NamedTuple):
    """Zeros of a dtype of their own, for calls that must raise."""

    shape: Shape
    dtype: str


def ints(*shape: int) -> Zeros:
    """An array of integers, where none belongs."""
    return Zeros(shape, "int32")


def of(dtype: str, *shape: int) -> Zeros:
    """An array of that dtype, where another one belongs."""
    return Zeros(shape, dtype)


def line(*values: float) -> list[list[list[float]]]:
    """One example with one spatial axis and one channel, ``[1, len(values), 1]``."""
    return [[[value] for value in values]]


def shape_of(described: Any) -> Shape | None:
    """The shape of a described argument; None for one left out."""
    return getattr(described, "shape", described)


def draw_all(described: tuple[Any, ...], seed: int, dtype: Any = jnp.float32) -> tuple[Any, ...]:
    """The arrays, of the floating dtype given; drawn by NumPy, which has nothing to compile."""
    rng = np.random.default_rng(seed)
    return tuple(_draw(one, rng, dtype) for one in described)


def _draw(described: Any, rng: np.random.Generator, dtype: Any) -> Any:
    match described:
        case None:
            return None
        case Uniform(shape, low, high):
            return jnp.asarray(rng.uniform(low, high, shape), dtype)
        case Signs(shape):
            return jnp.asarray(rng.choice([-1.0, 1.0], shape), dtype)
        case Simplex(shape):
            weights = rng.gamma(1.0, size=shape)
            return jnp.asarray(weights / weights.sum(-1, keepdims=True), dtype)
        case Classes(shape, classes, low):
            return jnp.asarray(rng.integers(low, classes, shape), jnp.int32)
        case Zeros(shape, own):
            return jnp.zeros(shape, own)
        case Key():
            return jax.random.key(rng.integers(2**31))
        case tuple():
            return jnp.asarray(rng.normal(size=described), dtype)
        case _:
            return described
