"""Positions added to what stands there: a learned row for each, or sines and cosines of it."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array

from .. import initializers, rules
from .._core import Layer, Stream, split_key
from .._shown import shown
from .._streaming import after, refuse
from ..rules._common._checks import require_number
from ..rules._common._precision import widen
from ._example import features as features_of
from ._example import positive


@shown
def learned_positions(capacity: int, *, table_init=initializers.normal(0.02)) -> Layer:
    """x plus a learned row for each position.

    Args:
      capacity: how many positions have one.
      table_init: an initializer.

    Returns:
      A layer with parameters ``{"table": [capacity, n]}`` in x's dtype. x is an array ``[batch, T, n]``, or a dict
      ``{"x": …}`` with perhaps ``positions`` ``[batch, T]`` or ``[T]``, as for `attention`; the value is like x.

    Raises:
      ValueError: x has more than ``capacity`` positions. Beyond it, a row of given ``positions`` is NaN.

    Example:
      >>> layer, x = learned_positions(8), jnp.zeros((2, 5, 4))
      >>> params = layer.init(jax.random.key(0), x)
      >>> jnp.array_equal(layer.apply(params, x)[0], params["table"][:5]).item()
      True
    """
    positive("learned_positions", "capacity", capacity)

    def init(key, x):
        n, dtype = features_of("learned_positions", x, 3)
        return {"table": table_init(split_key(key, 1)[0], (capacity, n), dtype)}

    def require(length):
        if length > capacity:
            raise ValueError(f"learned_positions: x must have at most {capacity} positions, got {length}")

    def rows(params, positions, x):
        if x.shape[-1] != (n := params["table"].shape[-1]):
            raise ValueError(f"learned_positions: x must have {n} features, as the table has, got {x.shape[-1]}")
        return rules.embedding(positions, params["table"])

    return _adding("learned_positions", init, rows, require)


@shown
def sinusoidal_positions(*, base: float = 10_000.0, scale: float = 1.0) -> Layer:
    """x plus, for each pair of features, the sine and the cosine of the position times a frequency of the pair.

    The frequencies are ``base ** (-2 i / n)`` for pair i of n / 2.

    Args:
      base: from 1 to it go the wavelengths, divided by 2π.
      scale: by which sines and cosines are multiplied, so that they are about as large as x.

    Returns:
      A layer without parameters. x and the value are as for `learned_positions`, with an even n.

    Raises:
      TypeError, ValueError: base is not a number above 1, or scale not a number; or, by init and apply, n is odd.

    Example:
      >>> y = sinusoidal_positions().apply((), jnp.zeros((1, 2, 4)))
      >>> [round(float(a), 2) for a in y[0, 1]]
      [0.84, 0.54, 0.01, 1.0]

    Source:
      Vaswani et al., "Attention is all you need", 2017, section 3.5.
    """
    require_number("sinusoidal_positions", "base", base, "above 1", lambda v: v > 1)
    require_number("sinusoidal_positions", "scale", scale)

    def even(x):
        n, _ = features_of("sinusoidal_positions", x, 3)
        if n % 2:
            raise ValueError(f"sinusoidal_positions: x must have an even number of features, got {n}")
        return n

    def init(key, x):
        even(x)
        return ()

    def rows(params, positions, x):
        dtype, n = widen(x).dtype, even(x)
        frequencies = base ** (-2 * jnp.arange(n // 2, dtype=dtype) / n)
        angles = positions.astype(dtype)[..., None] * frequencies.reshape((1,) * positions.ndim + (-1,))
        pairs = scale * jnp.stack([jnp.sin(angles), jnp.cos(angles)], -1)
        return pairs.reshape(*positions.shape, n).astype(x.dtype)

    return _adding("sinusoidal_positions", init, rows, lambda length: None)


def _adding(layer: str, init: Callable[..., Any], rows: Callable[..., Array], require: Callable[[int], None]) -> Layer:
    """x plus the rows of its positions, which a stream counts; ``require`` raises where there are too many."""

    def add(params, x, positions):
        y = rows(params, positions, x)
        return x + (y if y.ndim == x.ndim else y[None])

    def apply(params, inputs, *, key=None, training=False):
        del key, training
        x, positions = _parts(layer, inputs)
        features_of(layer, x, 3)
        if positions is None:
            require(x.shape[1])
            positions = jnp.arange(x.shape[1], dtype=jnp.int32)
        return _like(inputs, add(params, x, positions))

    def counted(inputs):
        x, positions = _parts(layer, inputs)
        return x if positions is None else refuse("a stream counts its positions, got positions beside x")

    def start(params, like):
        x = counted(like)
        require(x.shape[1])
        return jnp.zeros(x.shape[0], jnp.int32)

    def step(params, carry, inputs, lengths=None):
        x = counted(inputs)
        y = add(params, x, carry[:, None] + jnp.arange(x.shape[1], dtype=jnp.int32)[None])
        return after(carry, x, lengths), _like(inputs, y)

    return Layer(lambda key, inputs: init(key, _parts(layer, inputs)[0]), apply, stream=Stream(start, step))


def _parts(layer, inputs):
    """x, and the positions that are given beside it, or None; other entries are for the layers behind."""
    if not isinstance(inputs, Mapping):
        return inputs, None
    if "x" not in inputs:
        raise ValueError(
            f"{layer}: x must be an array, or a dict with x, got a dict with {', '.join(map(str, inputs))}"
        )
    return inputs["x"], inputs.get("positions")


def _like(inputs, y):
    return {**inputs, "x": y} if isinstance(inputs, Mapping) else y
