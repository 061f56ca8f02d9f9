"""Normalisation layers, and layers with normalised weights, by `funcnn.rules`."""

from typing import Any

import jax.numpy as jnp

from .. import initializers, rules
from .._calibration import meet
from .._core import Layer, as_layer, split_key
from .._shown import shown
from .._streaming import cannot_stream, stream_of, with_params
from ..rules._common._checks import require_bool
from ._example import features as features_of
from ._example import positive


@shown
def layer_norm(*, eps: float = 1e-5, scale: bool = True, shift: bool = True) -> Layer:
    """Mean 0 and variance 1 over the last axis, then a scale and a shift for each feature.

    Args:
      eps: added to the variance.
      scale, shift: whether there is a ``scale``, and a ``shift``.

    Returns:
      A layer with parameters ``{"scale": [features], "shift": [features]}``, ones and zeros, in x's dtype, for x
      ``[..., features]``.

    Example:
      >>> model = serial(linear(8), layer_norm(), relu)
      >>> model.init(jax.random.key(0), jnp.ones((4, 3)))[1]["scale"].shape
      (8,)
    """

    def apply(params, x, *, key=None, training=False):
        del key, training
        return rules.layer_norm(x, params.get("scale"), params.get("shift"), eps)

    return Layer(_init("layer_norm", 1, scale=scale, shift=shift), apply)


@shown
def rms_norm(*, eps: float = 1e-6, scale: bool = True) -> Layer:
    """Root mean square 1 over the last axis, then a scale for each feature.

    Args:
      eps: added to the mean square.
      scale: whether there is a ``scale``.

    Returns:
      A layer with parameters ``{"scale": [features]}``, ones, in x's dtype, for x ``[..., features]``.
    """

    def apply(params, x, *, key=None, training=False):
        del key, training
        return rules.rms_norm(x, params.get("scale"), eps)

    return Layer(_init("rms_norm", 1, scale=scale), apply)


@shown
def batch_norm(*, eps: float = 1e-5, axis_name: str | tuple[str, ...] | None = None) -> Layer:
    """Mean 0 and variance 1 of each channel over the batch and all space, then a scale and a shift for each channel.

    In training mean and variance are the batch's own; otherwise they are the parameters ``mean`` and ``variance``. These
    are measured by `funcnn.calibrate`, not learned: their gradient is 0, and weight decay must leave them out (see
    `funcnn.paths`). Outside of training, and not inside of jit, a batch norm that was never calibrated warns.

    Args:
      eps: added to the variance.
      axis_name: one or several axes of `jax.vmap` or `jax.shard_map` over which mean and variance are taken too.

    Returns:
      A layer with parameters ``{"scale", "shift", "mean", "variance"}``, each ``[channels]`` in x's dtype, for x
      ``[batch, *space, channels]``.
    """
    rank = 2 if axis_name is None else 1
    of_channel = _init("batch_norm", rank, scale=True, shift=True, mean=True, variance=True)

    def apply(params, x, *, key=None, training=False):
        del key
        scale, shift = params["scale"], params["shift"]
        if training:
            return rules.batch_norm(x, scale, shift, eps, axis_name)
        meet(params, x, measure)
        return rules.batch_norm_inference(x, params["mean"], params["variance"], scale, shift, eps)

    def measure(params, batches):
        mean, variance = rules.batch_statistics(batches, axis_name)
        return params | {"mean": mean, "variance": variance}

    def calibrate(params, batches):
        params = measure(params, batches)
        return params, [apply(params, x) for x in batches]

    return Layer(of_channel, apply, calibrate)


@shown
def group_norm(groups: int, *, eps: float = 1e-5, scale: bool = True, shift: bool = True) -> Layer:
    """Mean 0 and variance 1 of each example's groups of channels, then a scale and a shift for each channel.

    Args:
      groups: into how many blocks of equal size the channels are divided.
      eps: added to the variance.
      scale, shift: whether there is a ``scale``, and a ``shift``.

    Returns:
      A layer with parameters ``{"scale": [channels], "shift": [channels]}``, ones and zeros, in x's dtype, for x
      ``[batch, *space, channels]``.

    Raises:
      ValueError: groups is not a positive int; or, by init, does not divide the channels.
    """
    positive("group_norm", "groups", groups)

    of_channel = _init("group_norm", 2, scale=scale, shift=shift)

    def init(key, x):
        params = of_channel(key, x)
        if x.shape[-1] % groups:
            raise ValueError(f"group_norm: groups must divide the {x.shape[-1]} channels of x, got {groups}")
        return params

    def apply(params, x, *, key=None, training=False):
        del key, training
        return rules.group_norm(x, params.get("scale"), params.get("shift"), groups, eps)

    return Layer(init, apply, stream=cannot_stream("group_norm's mean is over all positions"))


@shown
def instance_norm(*, eps: float = 1e-5, scale: bool = False, shift: bool = False) -> Layer:
    """Mean 0 and variance 1 of each example's channels over space; a scale and a shift for each channel on request.

    Args:
      eps: added to the variance.
      scale, shift: whether there is a ``scale``, and a ``shift``.

    Returns:
      A layer with parameters ``{"scale": [channels], "shift": [channels]}``, ones and zeros, in x's dtype, for x
      ``[batch, *space, channels]``.
    """

    def apply(params, x, *, key=None, training=False):
        del key, training
        return rules.instance_norm(x, params.get("scale"), params.get("shift"), eps)

    init = _init("instance_norm", 3, scale=scale, shift=shift)
    return Layer(init, apply, stream=cannot_stream("instance_norm's mean is over all positions"))


@shown
def weight_norm(layer: Layer) -> Layer:
    """The layer with each output feature's weight written as a length times a direction.

    Args:
      layer: one whose parameters are a dict with a ``"w"`` ``[..., out]``: `linear`, `conv`.

    Returns:
      A layer with ``{"v": [..., out], "g": [out]}`` in place of the ``"w"``; at first v is the weight that the layer
      draws, and g its length.

    Raises:
      TypeError: it is not a layer; or, by init, has no parameter ``"w"``.

    Example:
      >>> sorted(weight_norm(linear(2)).init(jax.random.key(0), jnp.ones((4, 3))))
      ['b', 'g', 'v']
    """
    layer = as_layer(layer)

    def init(key, x):
        w, rest = _without_weight("weight_norm", layer.init(key, x))
        return rest | {"v": w, "g": rules.feature_norms(w)}

    def normalised(params):
        rest = {name: a for name, a in params.items() if name not in {"v", "g"}}
        return rest | {"w": rules.weight_norm(params["v"], params["g"])}

    return _with_params(layer, init, normalised)


@shown
def spectral_norm(layer: Layer, *, iterations: int = 10) -> Layer:
    """The layer with its weight divided by its largest singular value.

    There is no state between calls: each starts the power method from the same vector ``u``, as it was drawn. That takes
    more iterations than a vector that is updated at each call.

    Args:
      layer: one whose parameters are a dict with a ``"w"`` ``[..., out]``: `linear`, `conv`.
      iterations: of the power method, at each call.

    Returns:
      A layer with the layer's parameters and a vector ``"u"`` ``[out]``, whose gradient is 0.

    Raises:
      TypeError, ValueError: it is not a layer, or iterations not a positive int; or, by init, it has no parameter ``"w"``.
    """
    layer = as_layer(layer)
    positive("spectral_norm", "iterations", iterations)

    def init(key, x):
        layer_key, u_key = split_key(key)
        w, rest = _without_weight("spectral_norm", layer.init(layer_key, x))
        return rest | {"w": w, "u": initializers.normal(1.0)(u_key, w.shape[-1:], w.dtype)}

    def normalised(params):
        rest = {name: a for name, a in params.items() if name != "u"}
        w_and_u: Any = rules.spectral_norm(params["w"], params["u"], iterations)
        return rest | {"w": w_and_u[0]}

    return _with_params(layer, init, normalised)


_START = {"scale": jnp.ones, "shift": jnp.zeros, "mean": jnp.zeros, "variance": jnp.ones}


def _init(layer, rank, **wanted):
    """An ``init`` that makes the vectors wanted, with one number for each feature."""
    require_bool(layer, **wanted)

    def init(key, x):
        del key
        features, dtype = features_of(layer, x, rank)
        return {name: _START[name]((features,), dtype) for name, wants in wanted.items() if wants}

    return init


def _with_params(layer, init, of):
    """The layer with other parameters, from which ``of`` makes its own."""

    def apply(params, x, *, key=None, training=False):
        return layer.apply(of(params), x, key=key, training=training)

    return Layer(init, apply, stream=with_params(stream_of(layer), of))


def _without_weight(wrapper, params: Any) -> tuple[Any, dict[str, Any]]:
    if not isinstance(params, dict) or "w" not in params:
        raise TypeError(f"{wrapper}: the layer must have a parameter 'w', got parameters {params!r:.80}")
    return params["w"], {name: a for name, a in params.items() if name != "w"}
