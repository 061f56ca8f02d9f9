"""The battery: inputs of the example's structure, made to bring out what one natural example hides."""

from collections.abc import Iterator, Sequence

import numpy as np

Floats = tuple[np.ndarray, ...]


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
    for i in range(len(example) if len(example) > 1 else 0):
        for scale in (1e-4, 1e4):
            yield f"argument {i} x {scale:g}", tuple(a * scale if j == i else a for j, a in enumerate(example))
    if len(constants):
        for _ in range(2):
            yield "constants of the code", tuple(_at_constants(rng, a.shape, constants) for a in example)


_KINDS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "normal x 3": lambda rng, shape: 3 * rng.normal(size=shape),
    "normal x 30": lambda rng, shape: 30 * rng.normal(size=shape),
    "positive": lambda rng, shape: np.abs(rng.normal(size=shape)) + 0.01,
    "between 0 and 1": lambda rng, shape: rng.uniform(0.01, 0.99, shape),
    "offset + 100": lambda rng, shape: 100 + rng.normal(size=shape),
    "tiny variance": lambda rng, shape: 1 + 1e-4 * rng.normal(size=shape),
    "integers": lambda rng, shape: rng.integers(-2, 3, shape).astype(np.float64),
    "log-uniform": lambda rng, shape: rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(-6, 3, shape),
    "log-uniform, positive": lambda rng, shape: 10 ** rng.uniform(-9, 3, shape),
    "zeros": lambda rng, shape: np.zeros(shape),
    "half zeros": lambda rng, shape: rng.normal(size=shape) * rng.integers(0, 2, shape),
}


def cotangents(outputs: Sequence[np.ndarray], rng: np.random.Generator) -> Iterator[tuple[str, Floats]]:
    """Named cotangents for these outputs: one normal, one log-uniform, one a single 1, and all ones."""
    yield "normal", tuple(rng.normal(size=y.shape) for y in outputs)
    yield "log-uniform", tuple(rng.choice([-1.0, 1.0], y.shape) * 10 ** rng.uniform(-3, 3, y.shape) for y in outputs)
    yield "one-hot", _one_hot(outputs, rng)
    yield "ones", tuple(np.ones(y.shape) for y in outputs)


def int_variants(ints: Sequence, rng: np.random.Generator) -> Iterator[tuple[str, tuple]]:
    """The integer arrays as they are, and with their values drawn anew, with repetitions."""
    yield "", tuple(ints)
    redrawn = tuple(_resampled(a, rng) for a in ints)
    if any(a is not b for a, b in zip(ints, redrawn, strict=True)):
        yield ", indices repeated", redrawn


def _resampled(a, rng):
    dtype = getattr(a, "dtype", None)
    if dtype is None or not hasattr(dtype, "kind") or dtype.kind not in "iu" or np.size(a) < 2:
        return a
    values = np.asarray(a)
    return rng.choice(values.ravel()[: max(1, values.size // 2)], values.shape).astype(values.dtype)


def _redrawn(a, rng):
    return 1 + 0.5 * rng.normal(size=a.shape) if a.size and np.all(a == a.flat[0]) else a


def _at_constants(rng, shape, constants):
    nudge = rng.choice([0.0, 1e-4, -1e-4, 0.03, -0.03], shape)
    return rng.choice([-1.0, 1.0], shape) * rng.choice(np.asarray(constants), shape) * (1 + nudge)


def _one_hot(outputs, rng):
    sizes = [y.size for y in outputs]
    place = int(rng.integers(max(1, sum(sizes))))
    hot = []
    for y in outputs:
        g = np.zeros(y.size)
        if 0 <= place < y.size:
            g[place] = 1.0
        place -= y.size
        hot.append(g.reshape(y.shape))
    return tuple(hot)
