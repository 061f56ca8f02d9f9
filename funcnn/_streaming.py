"""Layers along a sequence, a part at a time: the stream of any layer, and what streams have in common."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
from jax import Array

from ._core import Layer, Params, PyTree, Stream, as_layer


def stream_of(layer: Layer | Callable[[Any], Any]) -> Stream:
    """The layer's stream. A layer without one works position by position: its ``apply`` is the step, with the carry ``()``.

    Args:
      layer: a layer, or a plain function.

    Returns:
      ``Stream(start, step)``. ``start`` raises ValueError, with the path of the layer, where one inside cannot stream, or
      has no stream and a value without x's axes ``[batch, positions]``.

    Example:
      >>> model, x = serial(linear(4), tanh), jnp.ones((2, 5, 3))
      >>> params = model.init(jax.random.key(0), x)
      >>> start, step = stream_of(model)
      >>> carry, first = step(params, start(params, x), x[:, :3])
      >>> carry, rest = step(params, carry, x[:, 3:])
      >>> jnp.allclose(jnp.concatenate([first, rest], 1), model.apply(params, x)).item()
      True
    """
    layer = as_layer(layer)
    if layer.stream is not None:
        return layer.stream

    def start(params, like):
        _require_positions(jax.eval_shape(layer.apply, params, like), like)
        return ()

    def step(params, carry, x, lengths=None):
        del lengths
        return carry, layer.apply(params, x)

    return Stream(start, step)


def cannot_stream(why: str) -> Stream:
    """The stream of a layer that needs the whole sequence: ``start`` raises ValueError, with the path of the layer.

    Args:
      why: what it needs, such as ``"attention that is not causal sees later positions"``.

    Example:
      >>> centred = Layer(lambda key, x: (), lambda params, x, **_: x - x.mean(1, keepdims=True),
      ...                 stream=cannot_stream("the mean is over all positions"))
      >>> stream_of(serial(tanh, centred)).start(((), ()), jnp.ones((2, 5, 3)))
      Traceback (most recent call last):
      ValueError: layer 1: cannot stream: the mean is over all positions
    """
    return Stream(lambda *_: refuse(why), lambda *_, **options: refuse(why))


def refuse(why: str) -> NoReturn:
    """Raise the error of a layer that cannot stream."""
    raise ValueError(f"cannot stream: {why}")


def like_after(layer: Layer, params: Params, like: PyTree) -> PyTree:
    """The ``like`` of what comes after the layer: the shapes of its value, and as they are what it hands on."""
    handed_on: list[int | None] = []

    def apply(params, x):
        y, places = layer.apply(params, x), {id(a): i for i, a in enumerate(jax.tree.leaves(x))}
        handed_on[:] = [places.get(id(a)) for a in jax.tree.leaves(y)]
        return y

    shapes, tree = jax.tree.flatten(jax.eval_shape(apply, params, like))
    given = jax.tree.leaves(like)
    return tree.unflatten([a if i is None else given[i] for a, i in zip(shapes, handed_on, strict=True)])


def with_params(stream: Stream, of: Callable[[Params], Params]) -> Stream:
    """The stream with other parameters, from which ``of`` makes its own."""

    def step(params, carry, x, lengths=None):
        return stream.step(of(params), carry, x, lengths)

    return Stream(lambda params, like: stream.start(of(params), like), step)


def after(at: Array, x: Array, lengths: Array | None = None) -> Array:
    """How many positions each row has behind the next positions x, of which its own length counts.

    Raises:
      TypeError: lengths are not an integer for each row.
    """
    if lengths is None:
        return at + x.shape[1]
    if not hasattr(lengths, "dtype") or not jnp.issubdtype(lengths.dtype, jnp.integer) or lengths.shape != at.shape:
        came = f"{lengths.dtype}{list(lengths.shape)}" if hasattr(lengths, "dtype") else f"a {type(lengths).__name__}"
        raise TypeError(f"lengths must be integers, one for each of {len(at)} rows, got {came}")
    return at + lengths.astype(at.dtype)


def last_of(past: Array, x: Array, lengths: Array | None = None) -> Array:
    """The last positions of each row, as many as ``past`` ``[batch, k, ...]`` has, after the row's own length of x."""
    k, n = past.shape[1], x.shape[1]
    both = jnp.concatenate([past, x], axis=1)
    if lengths is None:
        return both[:, n:]
    first = after(jnp.zeros(len(x), jnp.int32), x, lengths)
    return jax.vmap(lambda row, i: jax.lax.dynamic_slice_in_dim(row, i, k))(both, first)


def positions_of(like: PyTree) -> tuple[int, int]:
    """The axes ``[batch, positions]`` with which each leaf begins that has two axes or more; of ``{"x": …}`` x's.

    Raises:
      ValueError: there is no such leaf.
    """
    for a in jax.tree.leaves(like["x"] if isinstance(like, Mapping) and "x" in like else like):
        if len(a.shape) >= 2:
            return a.shape[:2]
    raise ValueError(f"a sequence must be [batch, positions, ...], got {jax.tree.map(jax.typeof, like)}")


def _require_positions(y, like):
    axes = positions_of(like)
    if not any(a.shape[:2] == axes for a in jax.tree.leaves(y)):
        came = ", ".join(f"{a.dtype}{list(a.shape)}" for a in jax.tree.leaves(y))
        refuse(
            "a layer without a stream works position by position, and its value must begin with x's axes "
            f"{list(axes)}, got {came}"
        )
