"""The one abstraction: a layer is a pair of pure functions, with an optional third."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Params = Any  # a pytree of arrays
PyTree = Any

place: ContextVar[tuple[str, ...]] = ContextVar("place", default=())  # the names of the layers that are being applied


class Layer(NamedTuple):
    """A pair of pure functions, with an optional third; it stores neither parameters nor state.

    Attributes:
      init: ``init(key, x) -> params``: draws the parameters for inputs like ``x``, an array or
        `jax.ShapeDtypeStruct` (or a pytree of them), batch axes included.
      apply: ``apply(params, x, *, key=None, training=False) -> y``: the value. ``key`` is for layers that draw
        random numbers while training.
      calibrate: ``calibrate(params, batches) -> (params, results)``, for a layer with parameters that are measured, not
        learned. It returns the parameters measured on a list of inputs, and each input's value with them.
      call: the call that made the layer, such as ``linear(2)``: what is printed.
    """

    init: Callable[[Any, PyTree], Params]
    apply: Callable[..., PyTree]
    calibrate: Callable[[Params, list[PyTree]], tuple[Params, list[PyTree]]] | None = None
    call: str = ""

    def __repr__(self) -> str:
        return self.call or f"Layer({_name(self.init)}, {_name(self.apply)})"


def as_layer(layer: Layer | Callable[[Any], Any]) -> Layer:
    """The layer itself, or a plain function ``x -> y`` as a layer without parameters.

    Raises:
      TypeError: it is neither, or it is a layer's constructor that was not called.
    """
    if isinstance(layer, Layer):
        return layer
    name = _name(layer)
    if not callable(layer):
        hint = "pass several one by one, and an option by partial(softmax, axis=1), say"
        raise TypeError(f"a layer must be a Layer or a function x -> y, got {type(layer).__name__}: {hint}")
    made = TypeError(f"{name} makes a layer: call it, as in {name}(...)")
    if getattr(layer, "__annotations__", {}).get("return") in (Layer, "Layer"):
        raise made

    def apply(params, x, *, key=None, training=False):
        del params, key, training
        y = layer(x)
        if isinstance(y, Layer):
            raise made
        return y

    return Layer(lambda key, x: (), apply, call=f"as_layer({name})")


def _name(f) -> str:
    return getattr(f, "__qualname__", type(f).__name__)


def split_key(key: jax.Array, n: int = 2) -> jax.Array:
    """n keys out of one.

    Raises:
      TypeError: ``key`` is not a key of `jax.random`.
    """
    typed = hasattr(key, "dtype") and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    legacy = hasattr(key, "dtype") and key.dtype == jnp.uint32 and key.ndim == 1
    if not (typed or legacy):
        raise TypeError(f"key must be a jax.random.key, got {key!r}: pass jax.random.key(0), say")
    return jax.random.split(key, n)
