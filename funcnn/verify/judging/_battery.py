"""The battery: inputs of the example's structure, made to bring out what one natural example hides."""

from collections.abc import Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

Floats = tuple[np.ndarray, ...]
NEAR = ("the example", "the example, 10 % noise", "the example, constant arguments redrawn")


def battery(example: Floats, constants: Sequence[float], rng: np.random.Generator) -> Iterator[tuple[str, Floats]]:
    """Named inputs, float64, the example's shapes; a kind is drawn for every argument at once."""
    example = tuple(a.astype(np.float64) for a in example)
    yield "the example", example
    yield "the example, constant arguments redrawn", tuple(_redrawn(a, rng) for a in example)
    yield "the example, 10 % noise", tuple(a * (1 + 0.1 * rng.normal(size=a.shape)) for a in example)
    for scale in (1e-3, 30.0, 1e4):
        yield f"the example x {scale:g}", tuple(a * scale for a in example)
    for name, make in _KINDS.items():
        yield name, tuple(make(rng, a.shape) for a in example)
    for name, value in (("-inf", -np.inf), ("+inf", np.inf)):
        for i, changed in enumerate(example):
            if changed.size > 1:
                yield (
                    f"some {name} in argument {i}",
                    tuple(
                        np.where(rng.uniform(size=a.shape) < 0.25, value, a) if j == i else a
                        for j, a in enumerate(example)
                    ),
                )
    for i in range(len(example) if len(example) > 1 else 0):
        for scale in (1e-4, 1e4):
            yield f"argument {i} x {scale:g}", tuple(a * scale if j == i else a for j, a in enumerate(example))
        yield f"argument {i} redrawn", tuple(rng.normal(size=a.shape) if j == i else a for j, a in enumerate(example))
    if len(constants):
        for dealt in _dealt(constants, example, rng):
            yield "constants of the code", dealt
        for _ in range(2):
            yield "near constants of the code", tuple(_near_constants(rng, a.shape, constants) for a in example)


_KINDS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "normal x 3": lambda rng, shape: 3 * rng.normal(size=shape),
    "normal x 30": lambda rng, shape: 30 * rng.normal(size=shape),
    "normal x 300": lambda rng, shape: 300 * rng.normal(size=shape),
    "positive": lambda rng, shape: np.abs(rng.normal(size=shape)) + 0.01,
    "between 0 and 1": lambda rng, shape: rng.uniform(0.01, 0.99, shape),
    "between -1 and 1": lambda rng, shape: rng.uniform(-0.99, 0.99, shape),
    "offset + 100": lambda rng, shape: 100 + rng.normal(size=shape),
    "tiny variance": lambda rng, shape: 1 + 1e-4 * rng.normal(size=shape),
    "constant rows": lambda rng, shape: np.broadcast_to(rng.normal(size=(*shape[:-1], 1)[: len(shape)]), shape),
    "integers": lambda rng, shape: rng.integers(-2, 3, shape).astype(np.float64),
    "log-uniform": lambda rng, shape: rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(-6, 3, shape),
    "log-uniform, positive": lambda rng, shape: 10 ** rng.uniform(-9, 3, shape),
    "zeros": lambda rng, shape: np.zeros(shape),
    "half zeros": lambda rng, shape: rng.normal(size=shape) * rng.integers(0, 2, shape),
}


def cotangents(shapes: Sequence[tuple[int, ...]], rng: np.random.Generator) -> Iterator[tuple[str, Floats]]:
    """Named cotangents for outputs of these shapes: normal, positive, log-uniform, a single 1, and all ones."""
    yield "normal", tuple(rng.normal(size=shape) for shape in shapes)
    yield "positive", tuple(np.abs(rng.normal(size=shape)) for shape in shapes)
    yield "log-uniform", tuple(rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(-3, 3, shape) for shape in shapes)
    yield "one-hot", _one_hot(shapes, rng)
    yield "ones", tuple(np.ones(shape) for shape in shapes)


def int_variants(
    ints: Sequence, sizes: Sequence[int], marks: Sequence[int], wraps: bool, rng: np.random.Generator
) -> Iterator[tuple[str, tuple]]:
    """The integer and boolean arrays as they are, and others that the function should take as well.

    Args:
      ints: the example's.
      sizes: of the floating-point arguments' axes, and of those that the function indexes: an index lies below the
        next larger one.
      marks: integers that the program looks for.
      wraps: whether it takes whole numbers modulo another, and so indices of any size.
      rng: for draws.
    """
    changes = {
        "": lambda a: a,
        ", indices repeated": lambda a: _indices(a, lambda v: rng.choice(v.ravel()[: max(1, v.size // 2)], v.shape)),
        ", other indices": lambda a: _indices(a, lambda v: rng.integers(0, _bound(v, sizes), v.shape)),
        ", the largest index": lambda a: _indices(a, lambda v: np.full(v.shape, _bound(v, sizes) - 1)),
        ", mask redrawn": lambda a: _mask(a, lambda v: rng.uniform(size=v.shape) < 0.5),
        ", nothing masked in": lambda a: _mask(a, np.zeros_like),
        ", everything masked in": lambda a: _mask(a, np.ones_like),
    }
    changes |= {
        f", some {mark}": lambda a, mark=mark: _indices(a, lambda v: np.where(rng.uniform(size=v.shape) < 0.4, mark, v))
        for mark in marks
    }
    if wraps:
        changes[", large indices"] = lambda a: _indices(a, lambda v: rng.integers(0, 100, v.shape))
    seen: list[tuple] = []
    for name, change in changes.items():
        changed = tuple(map(change, ints))
        if not any(all(map(_equal, changed, other)) for other in seen):
            seen.append(changed)
            yield name, changed


def negative(ints: Sequence) -> tuple:
    """Indices counted from the end, as NumPy allows them."""
    return tuple(_indices(a, lambda v: -1 - v) for a in ints)


def is_index(a: Any) -> bool:
    """Whether an argument is an array of whole numbers that is no raw key."""
    kind = getattr(getattr(a, "dtype", None), "kind", "")
    return kind == "i" or (kind == "u" and a.shape[-1:] != (2,))


def is_mask(a: Any) -> bool:
    """Whether an argument is a boolean array."""
    return getattr(getattr(a, "dtype", None), "kind", "") == "b"


def _indices(a, change):
    return jnp.asarray(change(np.asarray(a)).astype(a.dtype)) if is_index(a) else a


def _mask(a, change):
    return jnp.asarray(change(np.asarray(a))) if is_mask(a) else a


def _bound(values, sizes):
    """One more than the largest index that is surely valid; a number that is a size itself is taken for a length."""
    top = int(values.max(initial=0))
    if top in sizes or values.min(initial=0) < 0:
        return top + 1
    return min((n for n in sizes if n > top), default=top + 1)


def _equal(a, b):
    return a is b or (getattr(a, "dtype", None) == getattr(b, "dtype", 0) and np.array_equal(a, b))


def _redrawn(a, rng):
    return 1 + 0.5 * rng.normal(size=a.shape) if a.size and np.all(a == a.flat[0]) else a


def _dealt(constants, example, rng) -> Iterator[Floats]:
    """Inputs made of the constants themselves, of either sign, dealt like cards until each has been in every argument."""
    deck = np.concatenate([constants, np.negative(constants)])
    smallest = min((a.size for a in example if a.size), default=1)
    for _ in range(min(6, -(-deck.size // smallest))):
        yield tuple(np.resize(rng.permutation(deck), a.shape) for a in example)


def _near_constants(rng, shape, constants):
    nudge = rng.choice([0.0, 1e-4, -1e-4, 0.03, -0.03], shape)
    return rng.choice([-1.0, 1.0], shape) * rng.choice(np.asarray(constants), shape) * (1 + nudge)


def _one_hot(shapes, rng):
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    flat = np.zeros(ends[-1])
    if flat.size:
        flat[rng.integers(flat.size)] = 1.0
    return tuple(part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True))
