"""Functions over modules of Haiku."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .._core import Layer, Params, PyTree
from .._extras import extra
from .._paths import dotted
from ._statistics import as_floating, as_typed, flags_of, layer_of, parted, values_like


def from_haiku(f: Callable[..., Any]) -> Layer:
    """A function over Haiku's modules, as `haiku.transform_with_state` takes it, as a layer.

    Whether it is training goes to the function as ``is_training``, ``train``, ``training``, ``deterministic`` or
    ``inference``, whichever of them it has. All its noise is drawn from the layer's ``key``.

    The running statistics of ``hk.BatchNorm`` are measured by `funcnn.calibrate`, with the rest of the function as it is
    outside of training; training leaves them as they are. State that a call in training only reads is a constant.

    Args:
      f: the function, not transformed.

    Returns:
      A layer with Haiku's parameters, ``{module: {name: array}}``. With state it has
      ``{"params": ..., "statistics": ...}``, counters as float32.

    Raises:
      TypeError: f is transformed already, or is not a function.
      ValueError, by init: a call in training sets other state than that of ``hk.BatchNorm``.
      ImportError: Haiku is not installed.

    Example:
      >>> import haiku as hk
      >>> model = interop.from_haiku(lambda x: hk.Linear(2)(x))
      >>> model.init(jax.random.key(0), jnp.ones((4, 3)))["linear"]["w"].shape
      (3, 2)
    """
    hk = extra("haiku", "haiku")
    if not callable(f):
        what = "pass the function that was transformed" if hasattr(f, "init") else "hk.transform_with_state's argument"
        raise TypeError(f"from_haiku: f must be a function over Haiku's modules, got {type(f).__name__}: {what}")
    net, flags = hk.transform_with_state(f), flags_of(f)

    def init(key, x):
        x = values_like(x)
        learned, state = jax.jit(lambda key: net.init(key, x, **flags(True)))(key)
        _require_still(state, lambda state: net.apply(learned, state, key, x, **flags(True))[1])
        return learned, as_floating(state)

    def run(learned, statistics, x, key, training):
        return net.apply(learned, _state(net, flags, statistics, x), key, x, **flags(training))[0]

    def measure(learned, statistics, x):
        state = {name: _at_start(name, values) for name, values in _state(net, flags, statistics, x).items()}
        with hk.intercept_methods(measuring):
            _, state = net.apply(learned, state, jax.random.key(0), x, **flags(False))
        return as_floating(state)

    def measuring(call, args, options, context):
        if not isinstance(context.module, hk.BatchNorm) or context.method_name != "__call__":
            return call(*args, **options)
        x, _, *others = (*args, None) if len(args) == 1 else args
        return call(x, True, *others, **{name: a for name, a in options.items() if name != "is_training"})

    return layer_of(f"from_haiku({getattr(f, '__name__', type(f).__name__)})", init, run, measure)


def to_haiku(f: Callable[..., Any], params: Params, x: PyTree) -> tuple[Params, PyTree]:
    """The parameters of a layer that `from_haiku` made, as Haiku takes them.

    Args:
      f: what `from_haiku` got.
      params: the layer's parameters.
      x: inputs, or their `jax.ShapeDtypeStruct`, from which the dtypes of the state follow.

    Returns:
      The pair ``(params, state)`` for the ``apply`` of ``hk.transform_with_state(f)``.

    Example:
      >>> import haiku as hk
      >>> f, x = lambda x: hk.Linear(2)(x), jnp.ones((4, 3))
      >>> params, state = interop.to_haiku(f, interop.from_haiku(f).init(jax.random.key(0), x), x)
      >>> hk.transform(f).apply(params, None, x).shape
      (4, 2)
    """
    net = extra("haiku", "haiku").transform_with_state(f)
    learned, statistics = parted(params)
    return learned, _state(net, flags_of(f), statistics, x)


def _require_still(state, after):
    """Raise ValueError, naming what differs, if state that nothing measures is not what it was after a call."""
    others = {name: values for name, values in state.items() if not _is_moving(name)}
    traced = jax.make_jaxpr(lambda others: {name: after(state | others)[name] for name in others})(others).jaxpr
    leaves = jax.tree_util.tree_leaves_with_path(others)
    ends = zip(leaves, traced.invars, traced.outvars, strict=True)
    if moved := [dotted(path) for (path, _), before, now in ends if before is not now]:
        raise ValueError(
            "from_haiku: state must be hk.BatchNorm's, which calibrate measures, or stay as it is; a call sets "
            + ", ".join(moved)
        )


def _state(net, flags, statistics, x):
    """Haiku's state, its counters integers again."""
    if statistics is None:
        return {}
    _, like = jax.eval_shape(lambda key, x: net.init(key, x, **flags(True)), jax.random.key(0), x)
    return as_typed(statistics, like)


def _at_start(name, values):
    """A moving average of a batch norm before its first update, after which it is the average of one batch alone."""
    return {key: jnp.zeros_like(a) for key, a in values.items()} if _is_moving(name) else values


def _is_moving(name):
    """Whether state of that name is a moving average of a batch norm."""
    return name.endswith(("/mean_ema", "/var_ema"))
