"""Modules of Equinox, each of which takes one example, as layers, each of which takes a batch."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp

from .._core import Layer, Params, split_key
from .._extras import extra
from .._paths import dotted
from ._statistics import as_floating, as_typed, layer_of, parted


def from_equinox(module: Any, *, axis_name: str = "batch") -> Layer:
    """An Equinox module as a layer: it takes each example of the batch, along axis 0.

    Whether it is training goes to the module by `equinox.nn.inference_mode`. A module whose ``__call__`` takes a ``key``
    gets one for each example, drawn from the layer's ``key``.

    The running statistics of batch norms are measured by `funcnn.calibrate`, with dropout off; training leaves them as they
    are.

    Args:
      module: a module, or the pair of a module and its state, whose own parameters are what ``init`` returns; or a function
        ``module(key=...)`` to one of them, such as ``eqx.nn.make_with_state(Net)``.
      axis_name: the batch axis that its batch norms name.

    Returns:
      A layer with a module as its parameters, everything but floating-point arrays left out of it. With state it has
      ``{"params": the module, "statistics": {path: values}}``, counters and flags as float32.

    Raises:
      TypeError: it is none of these, or a function to a module with arrays of integers.
      ImportError: Equinox is not installed.

    Example:
      >>> import equinox as eqx
      >>> model = interop.from_equinox(lambda key: eqx.nn.Linear(3, 2, key=key))
      >>> params = model.init(jax.random.key(0), jnp.ones((4, 3)))
      >>> params.weight.shape, model.apply(params, jnp.ones((4, 3))).shape
      ((2, 3), (4, 2))
    """
    eqx = extra("equinox", "equinox")
    of_shapes, state_like = _skeleton(eqx, module)
    shapes, static = _parted(eqx, of_shapes)
    takes_key = "key" in inspect.signature(type(of_shapes).__call__).parameters
    like = _values(eqx, of_shapes, state_like)

    def init(key, x):
        del x
        made, state = _pair(module if _is_made(eqx, module) else module(key=key))
        return _as(shapes, _parted(eqx, made)[0]), as_floating(_values(eqx, made, state))

    def complete(learned, statistics):
        return eqx.combine(_as(shapes, learned), static), _state(state_like, statistics, like)

    def over_batch(net, state, x, key):
        n = jax.tree.leaves(x)[0].shape[0]
        options = {"key": split_key(key, n)} if takes_key and key is not None else {}

        def of_example(x, options):
            return net(x, **options) if state is None else net(x, state, **options)

        out_axes = 0 if state is None else (0, None)
        y = jax.vmap(of_example, out_axes=out_axes, axis_name=axis_name)(x, options)
        return (y, None) if state is None else y

    def run(learned, statistics, x, key, training):
        net, state = complete(learned, statistics)
        return over_batch(eqx.nn.inference_mode(net, not training), state, x, key)[0]

    def measure(learned, statistics, x):
        net, state = complete(learned, {path: _at_start(path, a) for path, a in statistics.items()})
        _, state = over_batch(_measuring(eqx, net), state, x, jax.random.key(0))
        return as_floating(_values(eqx, net, state))

    return layer_of(f"from_equinox({type(of_shapes).__name__})", init, run, measure)


def to_equinox(module: Any, params: Params) -> Any:
    """The parameters of a layer that `from_equinox` made, in the module.

    Args:
      module: what `from_equinox` got.
      params: the layer's parameters.

    Returns:
      A module; with state, the pair of a module and its state.

    Example:
      >>> import equinox as eqx
      >>> make = lambda key: eqx.nn.Linear(3, 2, key=key)
      >>> params = interop.from_equinox(make).init(jax.random.key(0), jnp.ones((4, 3)))
      >>> interop.to_equinox(make, params)(jnp.ones(3)).shape
      (2,)
    """
    eqx = extra("equinox", "equinox")
    of_shapes, state_like = _skeleton(eqx, module)
    shapes, static = _parted(eqx, of_shapes)
    learned, statistics = parted(params)
    net = eqx.combine(_as(shapes, learned), static)
    if state_like is None:
        return net
    return net, _state(state_like, statistics, _values(eqx, of_shapes, state_like))


def _is_made(eqx, module):
    return isinstance(module, (eqx.Module, tuple))


def _pair(made):
    return made if isinstance(made, tuple) else (made, None)


def _skeleton(eqx, module):
    """The module and its state, or None; of a function that makes them, with shapes in place of arrays."""
    if not _is_made(eqx, module) and not callable(module):
        raise TypeError(
            f"from_equinox: module must be one of Equinox or a function to one, got {type(module).__name__}"
        )
    made = module if _is_made(eqx, module) else eqx.filter_eval_shape(module, key=jax.random.key(0))
    net, state = _pair(made)
    if not isinstance(net, eqx.Module) or not callable(net):
        raise TypeError(f"from_equinox: module(key=...) must return a module of Equinox, got {type(net).__name__}")
    for path, leaf in jax.tree_util.tree_leaves_with_path(net):
        if isinstance(leaf, jax.ShapeDtypeStruct) and not _is_learned(leaf):
            raise TypeError(
                f"from_equinox: {dotted(path)} is {leaf.dtype}, which is not learned: pass a module that is made"
            )
    return net, state


def _is_learned(leaf) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.inexact)


def _parted(eqx, net):
    """The arrays that are learned, and everything else, each in the structure of the module."""
    return eqx.partition(net, _is_learned)


def _as(structure, tree):
    """The tree's leaves in a structure: two modules made alike may differ in what is not an array, such as a lambda."""
    return jax.tree.unflatten(jax.tree.structure(structure), jax.tree.leaves(tree))


def _indices(eqx, net) -> dict[str, Any]:
    """Where the values of the module's state are, by the paths of those that use them."""
    is_index = lambda node: isinstance(node, eqx.nn.StateIndex)
    found = jax.tree_util.tree_leaves_with_path(net, is_leaf=is_index)
    return {dotted(path): node for path, node in found if is_index(node)}


def _values(eqx, net, state) -> dict[str, Any]:
    return {} if state is None else {path: state.get(index) for path, index in _indices(eqx, net).items()}


def _state(state_like, statistics, like):
    """Equinox's state with these values, counters and flags of their own dtypes again."""
    if state_like is None:
        return None
    typed = as_typed(statistics, like)
    return _as(state_like, [typed[path] for path in like])  # in the module's order, not sorted


def _measuring(eqx, net):
    """The module outside of training, but for its batch norms."""
    is_batch_norm = lambda node: isinstance(node, eqx.nn.BatchNorm)
    in_training = lambda node: eqx.nn.inference_mode(node, False) if is_batch_norm(node) else node
    return jax.tree.map(in_training, eqx.nn.inference_mode(net), is_leaf=is_batch_norm)


def _at_start(path, values):
    """The state of a batch norm before its first update, after which it is that of one batch alone."""
    name = path.rpartition(".")[2]
    if name == "ema_first_time_index":
        return jnp.ones_like(values)
    of_batch_norm = name in {"ema_state_index", "batch_counter", "batch_state_index"}
    return jax.tree.map(jnp.zeros_like, values) if of_batch_norm else values
