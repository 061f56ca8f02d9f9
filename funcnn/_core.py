"""The one abstraction: a layer is a pair of pure functions, with two more that are optional."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Params = Any  # a pytree of arrays
PyTree = Any

place: ContextVar[tuple[str, ...]] = ContextVar("place", default=())  # the names of the layers that are being applied


class Stream(NamedTuple):
    """How a layer takes a sequence a part at a time: streaming equals the whole, however the sequence is cut.

    Attributes:
      start: ``start(params, like) -> carry``: what is known before the first position, a pytree. ``like`` is the whole
        sequence ``[batch, capacity, ...]``, an array or `jax.ShapeDtypeStruct` (or a pytree of them). What stands beside
        it for all positions, such as the memory of attention across, is given here, and to no step.
      step: ``step(params, carry, x, lengths=None) -> (carry, y)``: y is the value at the next positions x
        ``[batch, n, ...]``, any number of them. ``lengths`` ``[batch]``, integers from 0 to n, says how many of a row's
        positions count, from the first on; None for all. A row's carry goes on by its own length, and its values beyond
        that have no meaning. Positions are each row's own.
    """

    start: Callable[[Params, PyTree], PyTree]
    step: Callable[..., tuple[PyTree, PyTree]]


class Layer(NamedTuple):
    """A pair of pure functions, with two more that are optional; it stores neither parameters nor state.

    Attributes:
      init: ``init(key, x) -> params``: draws the parameters for inputs like ``x``, an array or
        `jax.ShapeDtypeStruct` (or a pytree of them), batch axes included.
      apply: ``apply(params, x, *, key=None, training=False) -> y``: the value. ``key`` is for layers that draw
        random numbers while training.
      calibrate: ``calibrate(params, batches) -> (params, results)``, for a layer with parameters that are measured, not
        learned. It returns the parameters measured on a list of inputs, and each input's value with them.
      stream: a `Stream`, for a layer in which a position along axis 1 depends on others. None for a layer that works
        position by position: outside of training its ``apply`` is the step. `cannot_stream` for one that needs the whole.
      call: the call that made the layer, such as ``linear(2)``: what is printed.
    """

    init: Callable[[Any, PyTree], Params]
    apply: Callable[..., PyTree]
    calibrate: Callable[[Params, list[PyTree]], tuple[Params, list[PyTree]]] | None = None
    stream: Stream | None = None
    call: str = ""

    def __repr__(self) -> str:
        return self.call or f"Layer({_name(self.init)}, {_name(self.apply)})"


def as_layer(layer: Layer | Callable[[Any], Any]) -> Layer:
    """The layer itself, or a plain function ``x -> y`` as a layer without parameters.

    Raises:
      TypeError: it is neither, it is a layer's constructor that was not called, or a module of another library.
    """
    if isinstance(layer, Layer):
        return layer
    name = _name(layer)
    _require_own(layer)
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


_CONVERTERS = {"flax": "from_flax", "equinox": "from_equinox", "haiku": "from_haiku", "torch": "from_torch"}
_MODULES = {"Module", "Transformed", "TransformedWithState"}


def _require_own(layer):
    """Raise TypeError for a module of another library, jit or vmap of one included: its parameters would be constants."""
    for f in _around(layer):
        libraries = {c.__module__.partition(".")[0] for c in type(f).__mro__ if c.__name__ in _MODULES}
        for library in libraries & _CONVERTERS.keys():
            if library == "equinox" and not any(hasattr(leaf, "dtype") for leaf in jax.tree.leaves(f)):
                continue  # a layer without parameters, or a plain function that Equinox has wrapped
            raise TypeError(
                f"a layer must be a Layer or a function x -> y, got {type(f).__name__} of {library}, whose parameters "
                f"would not be learned: convert it by funcnn.interop.{_CONVERTERS[library]}"
            )


def _around(f):
    """The function, what it wraps, and the object whose method it is."""
    yield f
    inner = (
        (f.func if isinstance(f, partial) else None),
        *(getattr(f, name, None) for name in ("__wrapped__", "__self__")),
    )
    for g in inner:
        if callable(g):
            yield from _around(g)


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
