"""Modules of Flax: linen's, and nnx's."""

from typing import Any

import jax
import jax.numpy as jnp

from .._core import Layer, Params
from .._extras import extra
from ._statistics import flags_of, layer_of, parted, values_like


def from_flax(module: Any) -> Layer:
    """A Flax module as a layer.

    Whether it is training goes to ``__call__`` as ``train``, ``training``, ``is_training``, ``deterministic``,
    ``use_running_average`` or ``inference``, whichever of them it has. A module of nnx is put into training or evaluation
    by ``train()`` or ``eval()``, too. All its noise is drawn from the layer's ``key``.

    The running statistics of batch norms are measured by `funcnn.calibrate`, with dropout off; training leaves them as they
    are.

    Args:
      module: a module of ``flax.linen``, or of ``flax.nnx``, whose own parameters are what ``init`` returns; or a function
        ``module(rngs=...)`` to one, such as its class.

    Returns:
      A layer with the module's parameters, nested dicts by name. With running statistics it has
      ``{"params": ..., "statistics": ...}``.

    Raises:
      TypeError: it is none of these, or has variables that are neither parameters nor batch statistics.
      ImportError: Flax is not installed.

    Example:
      >>> from flax import linen as nn
      >>> model, x = interop.from_flax(nn.Dense(2)), jnp.ones((4, 3), jnp.float32)
      >>> params = model.init(jax.random.key(0), x)
      >>> params["kernel"].shape, model.apply(params, x).shape
      ((3, 2), (4, 2))
    """
    linen, nnx = extra("flax.linen", "flax"), extra("flax.nnx", "flax")
    if isinstance(module, linen.Module):
        return _from_linen(linen, module)
    if isinstance(module, nnx.Module) or callable(module):
        return _from_nnx(nnx, module)
    raise TypeError(f"from_flax: module must be a module of Flax or a function to one, got {type(module).__name__}")


def to_flax(module: Any, params: Params) -> Any:
    """The parameters of a layer that `from_flax` made, as Flax takes them.

    Args:
      module: what `from_flax` got.
      params: the layer's parameters.

    Returns:
      Of linen, the variables ``{"params": ..., "batch_stats": ...}`` for ``module.apply``; of nnx, a module.

    Example:
      >>> from flax import linen as nn
      >>> dense, x = nn.Dense(2), jnp.ones((4, 3), jnp.float32)
      >>> params = interop.from_flax(dense).init(jax.random.key(0), x)
      >>> dense.apply(interop.to_flax(dense, params), x).shape
      (4, 2)
    """
    linen, nnx = extra("flax.linen", "flax"), extra("flax.nnx", "flax")
    if isinstance(module, linen.Module):
        return _variables(*parted(params))
    made = nnx.clone(module) if isinstance(module, nnx.Module) else module(rngs=nnx.Rngs(0))
    for kind, values in zip((nnx.Param, nnx.BatchStat), parted(params), strict=True):
        nnx.update(made, _filled(nnx, nnx.state(made, kind), values))
    return made


def _from_linen(linen, module) -> Layer:
    flags = flags_of(type(module).__call__)

    def init(key, x):
        x = values_like(x)
        variables = dict(jax.jit(lambda key: module.init(key, x, **flags(False)))(key))
        learned, statistics = variables.pop("params", {}), variables.pop("batch_stats", {})
        _require_no_others(module, variables)
        return learned, statistics

    def run(learned, statistics, x, key, training):
        mutable = ["batch_stats"] if training and statistics is not None else []
        variables = _variables(learned, statistics)
        y = module.apply(variables, x, rngs=key, mutable=mutable, **flags(training))
        return y[0]

    def measure(learned, statistics, x):
        variables, noise = _variables(learned, statistics), jax.random.key(0)
        with linen.intercept_methods(measuring):
            return module.apply(variables, x, rngs=noise, mutable=["batch_stats"], **flags(True))[1]["batch_stats"]

    def measuring(call, args, options, context):
        if isinstance(context.module, linen.Dropout):
            return args[0]
        if isinstance(context.module, linen.BatchNorm):
            object.__setattr__(context.module, "momentum", 0.0)  # of a copy, which lives as long as this call of apply
        return call(*args, **options)

    return layer_of(f"from_flax({type(module).__name__})", init, run, measure)


def _from_nnx(nnx, module) -> Layer:
    made = isinstance(module, nnx.Module)
    kinds = nnx.Param, nnx.BatchStat, nnx.RngState, ...
    skeleton = module if made else nnx.eval_shape(lambda: module(rngs=nnx.Rngs(0)))
    if not isinstance(skeleton, nnx.Module):
        raise TypeError(f"from_flax: module(rngs=...) must return a module of Flax, got {type(skeleton).__name__}")
    graph, *shapes, others = nnx.split(skeleton, *kinds)
    _require_no_others(skeleton, nnx.to_pure_dict(others))
    flags = flags_of(type(skeleton).__call__)

    def init(key, x):
        del x
        _, learned, statistics, *_ = nnx.split(module if made else module(rngs=nnx.Rngs(key)), *kinds)
        return nnx.to_pure_dict(learned), nnx.to_pure_dict(statistics)

    def merged(learned, statistics, key):
        *states, noise = shapes
        states = map(lambda state, values: _filled(nnx, state, values), states, (learned, statistics))
        return nnx.merge(graph, *states, _keys(noise, key))

    def run(learned, statistics, x, key, training):
        if training and key is None and jax.tree.leaves(shapes[2]):
            raise ValueError("from_flax: key must be given while training: the module draws random numbers")
        net = merged(learned, statistics, jax.random.key(0) if key is None else key)
        net.train() if training else net.eval()
        return net(x, **flags(training))

    def measure(learned, statistics, x):
        net = merged(learned, statistics, jax.random.key(0))
        net.eval()
        net.set_attributes(nnx.BatchNorm, use_running_average=False, momentum=0.0, raise_if_not_found=False)
        net(x, **flags(False))
        return nnx.to_pure_dict(nnx.state(net, nnx.BatchStat))

    return layer_of(f"from_flax({type(skeleton).__name__})", init, run, measure)


def _variables(learned, statistics):
    return {"params": learned} | ({} if statistics is None else {"batch_stats": statistics})


def _filled(nnx, state, values):
    """A copy of nnx's state with these values; as it is if there are none."""
    state = jax.tree.map(lambda a: a, state)
    nnx.replace_by_pure_dict(state, values or {})
    return state


def _keys(noise, key):
    """The state of nnx's random streams, each with a key of its own and the count 0."""
    leaves, tree = jax.tree.flatten(noise)
    fresh = [
        jax.random.fold_in(key, i) if jnp.issubdtype(a.dtype, jax.dtypes.prng_key) else jnp.zeros(a.shape, a.dtype)
        for i, a in enumerate(leaves)
    ]
    return tree.unflatten(fresh)


def _require_no_others(module, variables):
    if variables:
        raise TypeError(
            f"from_flax: {type(module).__name__} must have parameters and batch statistics alone, got {sorted(variables)}"
        )
