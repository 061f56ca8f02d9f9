"""Layers out of layers: one after another, side by side, around a shortcut, many times over."""

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ._core import Layer, Params, as_layer, run_calibration, split_key

LayerLike = Layer | Callable[[Any], Any]


def serial(*layers: LayerLike, **named: LayerLike) -> Layer:
    """One layer after another: ``serial(f, g)`` is x -> g(f(x)).

    Args:
      *layers: layers, or plain functions; the parameters are then a tuple.
      **named: the same with names; the parameters are then a dict, and a name is its part of a leaf's path.

    Returns:
      A layer.

    Example:
      >>> model = serial(linear(3), tanh, linear(2))
      >>> [p and sorted(p) for p in model.init(jax.random.key(0), jnp.ones((4, 2)))]
      [['b', 'w'], (), ['b', 'w']]
    """
    children, pack, unpack = _children("serial", layers, named)

    def init(key, x):
        params = []
        for layer, k in zip(children, _split(key, len(children)), strict=True):
            params.append(layer.init(k, x))
            x = jax.eval_shape(layer.apply, params[-1], x)
        return pack(params)

    def apply(params, x, *, key=None, training=False):
        for layer, p, k in zip(children, unpack(params), _split(key, len(children)), strict=True):
            x = layer.apply(p, x, key=k, training=training)
        return x

    def calibrate(params, batches):
        calibrated = []
        for layer, p in zip(children, unpack(params), strict=True):
            p, batches = run_calibration(layer, p, batches)
            calibrated.append(p)
        return pack(calibrated), batches

    return Layer(init, apply, calibrate)


def parallel(*layers: LayerLike, **named: LayerLike) -> Layer:
    """Several layers side by side on the same input: ``parallel(f, g)`` is x -> (f(x), g(x)).

    Args:
      *layers: layers, or plain functions; parameters and result are then tuples.
      **named: the same with names; parameters and result are then dicts.

    Returns:
      A layer.
    """
    children, pack, unpack = _children("parallel", layers, named)

    def init(key, x):
        return pack([layer.init(k, x) for layer, k in zip(children, _split(key, len(children)), strict=True)])

    def apply(params, x, *, key=None, training=False):
        each = zip(children, unpack(params), _split(key, len(children)), strict=True)
        return pack([layer.apply(p, x, key=k, training=training) for layer, p, k in each])

    def calibrate(params, batches):
        calibrated, results = [], []
        for layer, p in zip(children, unpack(params), strict=True):
            p, values = run_calibration(layer, p, batches)
            calibrated.append(p)
            results.append(values)
        return pack(calibrated), [pack([values[i] for values in results]) for i in range(len(batches))]

    return Layer(init, apply, calibrate)


def residual(layer: LayerLike) -> Layer:
    """The layer's output added to its input: x -> x + layer(x). The parameters are the layer's own.

    Raises:
      ValueError: the output has another shape or dtype than the input.
    """
    layer = as_layer(layer)

    def add(x, y):
        _require_like("residual", x, y)
        return jax.tree.map(lax.add, x, y)

    def apply(params, x, *, key=None, training=False):
        return add(x, layer.apply(params, x, key=key, training=training))

    def calibrate(params, batches):
        params, results = run_calibration(layer, params, batches)
        return params, list(map(add, batches, results))

    return Layer(layer.init, apply, calibrate)


def repeat(layer: LayerLike, n: int, *, remat: bool = False) -> Layer:
    """The same layer n times, each time with parameters of its own, compiled once (`jax.lax.scan`).

    Args:
      layer: one whose output has its input's shapes and dtypes.
      n: how many times.
      remat: whether each repetition is recomputed in the backward pass, so that only its input is saved.

    Returns:
      A layer whose parameters are the layer's with a leading axis of n.

    Raises:
      ValueError: n is not a positive int; or the output has another shape or dtype than the input.
    """
    layer = as_layer(layer)
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"repeat: n must be a positive int, got {n!r}")

    def init(key, x):
        params = jax.vmap(lambda k: layer.init(k, x))(split_key(key, n))
        first = jax.tree.map(lambda leaf: leaf[0], params)
        _require_like("repeat", x, jax.eval_shape(layer.apply, first, x))
        return params

    def apply(params, x, *, key=None, training=False):
        def once(x, params_and_key):
            p, k = params_and_key
            y = layer.apply(p, x, key=k, training=training)
            _require_like("repeat", x, y)
            return y, None

        keys = None if key is None else split_key(key, n)
        return lax.scan(jax.checkpoint(once) if remat else once, x, (params, keys), length=n)[0]

    def calibrate(params, batches):
        calibrated = []
        for i in range(n):
            p, batches = run_calibration(layer, jax.tree.map(lambda leaf, i=i: leaf[i], params), batches)
            calibrated.append(p)
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *calibrated), batches

    return Layer(init, apply, calibrate)


def _children(combinator: str, layers: tuple[Any, ...], named: dict[str, Any]):
    """The layers under their names, and how a list becomes the container (a tuple, or a dict by name) and back."""
    if layers and named:
        raise TypeError(
            f"{combinator}: layers must be all positional or all named, got {len(layers)} and {list(named)}"
        )
    names = tuple(named) or tuple(map(str, range(len(layers))))
    children = tuple(_under(name, as_layer(layer)) for name, layer in zip(names, named.values() or layers, strict=True))

    def pack(values) -> Any:
        return dict(zip(names, values, strict=True)) if named else tuple(values)

    def unpack(params: Any) -> Sequence[Params]:
        if named and isinstance(params, dict) and set(params) == set(names):
            return [params[name] for name in names]
        if not named and isinstance(params, (tuple, list)) and len(params) == len(names):
            return params
        expected = f"a dict of {sorted(names)}" if named else f"a tuple of {len(names)}"
        came = type(params).__name__
        if isinstance(params, (tuple, list, dict)):
            came += f" of {sorted(params) if isinstance(params, dict) else len(params)}"
        raise ValueError(f"{combinator}: params must be {expected}, got {came}")

    return children, pack, unpack


def _under(name, layer):
    """The layer under its name: in profiles, in errors, and for `watching`."""

    def init(key, x):
        with _inside(name):
            return layer.init(key, x)

    def apply(params, x, **options):
        with _inside(name):
            watch = _watch.value
            return watch(name, layer, params, x, **options) if watch else layer.apply(params, x, **options)

    def calibrate(params, batches):
        with _inside(name):
            return run_calibration(layer, params, batches)

    return Layer(init, apply, calibrate)


def watching(watch: Callable[..., Any]):
    """Inside this context ``watch(name, layer, params, x, **options)`` applies each child of a combinator.

    The watch is part of the key of every tracing cache, so what was traced outside of the context is traced again.
    """
    return _watch(watch)


_watch = jax.make_user_context(None)


def _split(key, n):
    return (None,) * n if key is None else split_key(key, n)


@contextmanager
def _inside(name):
    """Put the child's name into profiles, and in front of what it raises: ``layer body.1: linear: x must …``."""
    try:
        with jax.named_scope(name):
            yield
    except (TypeError, ValueError) as error:
        if type(error) in (TypeError, ValueError):
            message = str(error)
            inner = message.removeprefix("layer ")
            error.args = (f"layer {name}: {message}" if inner == message else f"layer {name}.{inner}",)
        raise


def _require_like(combinator, x, y):
    got, expected = jax.tree.map(jax.typeof, y), jax.tree.map(jax.typeof, x)
    if _types(y) != _types(x):
        raise ValueError(f"{combinator}: the layer must return its input's type {expected}, got {got}")


def _types(tree):
    return jax.tree.structure(tree), [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]
