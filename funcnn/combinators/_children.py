"""The layers inside a combinator: under their names, in profiles, errors and summaries."""

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import jax

from .._calibration import run_calibration
from .._core import Layer, Stream, as_layer, place, split_key
from .._streaming import stream_of

LayerLike = Layer | Callable[[Any], Any]


def children_of(combinator: str, layers: tuple[Any, ...], named: dict[str, Any]):
    """The layers under their names, and how a list becomes the container (a tuple, or a dict by name) and back."""
    if layers and named:
        raise TypeError(
            f"{combinator}: layers must be all positional or all named, got {len(layers)} and {list(named)}"
        )
    names = tuple(named) or tuple(map(str, range(len(layers))))
    children = tuple(_under(name, layer) for name, layer in zip(names, named.values() or layers, strict=True))

    def pack(values) -> Any:
        return dict(zip(names, values, strict=True)) if named else tuple(values)

    def unpack(values: Any, what: str = "params") -> Sequence[Any]:
        if named and isinstance(values, dict) and set(values) == set(names):
            return [values[name] for name in names]
        if not named and isinstance(values, (tuple, list)) and len(values) == len(names):
            return values
        expected = f"a dict of {sorted(names)}" if named else f"a tuple of {len(names)}"
        raise ValueError(f"{combinator}: {what} must be {expected}, got {described(values)}")

    return children, pack, unpack


def carries_of(combinator: str, carry: Any, n: int) -> Sequence[Any]:
    """The carries of n layers.

    Raises:
      ValueError: carry is not what holds them: a value, say.
    """
    if isinstance(carry, (tuple, list)) and len(carry) == n:
        return carry
    raise ValueError(f"{combinator}: carry must be a tuple of {n}, as start and step return it, got {described(carry)}")


def described(values: Any) -> str:
    """What came in place of a container of parameters."""
    if hasattr(values, "dtype"):
        return f"{values.dtype}{list(values.shape)}"
    name = type(values).__name__
    if not isinstance(values, (tuple, list, dict)):
        return name
    return f"{name} of {sorted(values) if isinstance(values, dict) else len(values)}"


def _under(name, layer):
    """The layer under its name: in profiles, in errors, and for `watching`."""
    with inside(name):
        layer = as_layer(layer)
    stream = stream_of(layer)

    def init(key, x):
        with inside(name):
            return layer.init(key, x)

    def apply(params, x, **options):
        with inside(name):
            watch = _watch.value
            return watch(name, layer, params, x, **options) if watch else layer.apply(params, x, **options)

    def calibrate(params, batches):
        with inside(name):
            return run_calibration(layer, params, batches)

    def start(params, like):
        with inside(name):
            return stream.start(params, like)

    def step(params, carry, x, lengths=None):
        with inside(name):
            return stream.step(params, carry, x, lengths)

    return Layer(init, apply, calibrate, Stream(start, step))


def watching(watch: Callable[..., Any]):
    """Inside this context ``watch(name, layer, params, x, **options)`` applies each child of a combinator.

    The watch is part of the key of every tracing cache, so what was traced outside of the context is traced again.
    """
    return _watch(watch)


_watch = jax.make_user_context(None)


def split(key, n):
    return (None,) * n if key is None else split_key(key, n)


@contextmanager
def inside(name):
    """Put the child's name into profiles, and in front of what it raises or warns: ``layer body.1: linear: x must …``."""
    token = place.set((*place.get(), name))
    try:
        with jax.named_scope(name):
            yield
    except (TypeError, ValueError) as error:
        if type(error) in (TypeError, ValueError):
            message = str(error)
            inner = message.removeprefix("layer ")
            error.args = (f"layer {name}: {message}" if inner == message else f"layer {name}.{inner}",)
        raise
    finally:
        place.reset(token)


def require_like(combinator, x, y):
    got, expected = jax.tree.map(jax.typeof, y), jax.tree.map(jax.typeof, x)
    if _types(y) != _types(x):
        raise ValueError(f"{combinator}: the layer must return its input's type {expected}, got {got}")


def _types(tree):
    return jax.tree.structure(tree), [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]
