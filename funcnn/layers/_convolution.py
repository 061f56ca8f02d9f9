"""Convolution layers, by `funcnn.rules.conv` and `funcnn.rules.conv_transpose`."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from .. import initializers, rules
from .._core import Layer, Stream, split_key
from .._shown import shown
from .._streaming import cannot_stream, last_of, refuse
from ..rules._common._checks import require_bool, shapes
from ..rules.spatial._window import geometry, reaches
from ._example import features as features_of
from ._example import positive, require_array

Sizes = int | tuple[int, ...]


@shown
def conv(
    features: int,
    window: Sizes,
    *,
    stride: Sizes = 1,
    padding: str | Sequence[tuple[int, int]] = "SAME",
    dilation: Sizes = 1,
    groups: int = 1,
    bias: bool = True,
    w_init=initializers.he_normal(),
    b_init=initializers.zeros,
) -> Layer:
    """A convolution over one, two or three spatial axes.

    Args:
      features: channels of y.
      window: size of the window, for every spatial axis or for each.
      stride, padding, dilation, groups: as in `funcnn.rules.conv`. With stride 1 and ``dilation (window - 1)`` zeros before
        the first entry and 0 behind the last, the convolution is causal along that axis, and streams.
      bias: whether there is a ``b``.
      w_init, b_init: initializers, see `funcnn.initializers`.

    Returns:
      A layer with parameters ``{"w": [*window, channels / groups, features], "b": [features]}`` in x's dtype, for x
      ``[batch, *space, channels]``.

    Raises:
      TypeError, ValueError: features, window or groups is not of positive ints; or, by init, x has too few axes, or
        channels that groups do not divide.

    Example:
      >>> layer = conv(16, 3, stride=2)
      >>> params = layer.init(jax.random.key(0), jnp.ones((1, 8, 8, 3)))
      >>> layer.apply(params, jnp.ones((1, 8, 8, 3))).shape
      (1, 4, 4, 16)
    """
    positive("conv", "features", features)
    positive("conv", "groups", groups)
    slide = lambda x, w, b, padding=padding: rules.conv(x, w, b, stride, padding, dilation, groups)
    stream = _causal("conv", slide, stride, padding, dilation)
    return _layer("conv", slide, window, lambda channels: (features, groups), bias, w_init, b_init, stream)


@shown
def depthwise_conv(
    multiplier: int,
    window: Sizes,
    *,
    stride: Sizes = 1,
    padding: str | Sequence[tuple[int, int]] = "SAME",
    dilation: Sizes = 1,
    bias: bool = True,
    w_init=initializers.he_normal(),
    b_init=initializers.zeros,
) -> Layer:
    """A convolution of each channel alone: `conv` with as many groups as x has channels.

    Args:
      multiplier: channels of y for each channel of x.
      window, stride, padding, dilation, bias, w_init, b_init: as in `conv`.

    Returns:
      A layer with parameters ``{"w": [*window, 1, channels multiplier], "b": [channels multiplier]}`` in x's dtype, for
      x ``[batch, *space, channels]``. Followed by ``conv(features, (1, 1))`` it is a separable convolution.

    Raises:
      TypeError, ValueError: multiplier or window is not of positive ints; or, by init, x has too few axes.

    Example:
      >>> layer = depthwise_conv(2, (3, 3))
      >>> params = layer.init(jax.random.key(0), jnp.ones((1, 8, 8, 3)))
      >>> layer.apply(params, jnp.ones((1, 8, 8, 3))).shape
      (1, 8, 8, 6)
    """
    positive("depthwise_conv", "multiplier", multiplier)
    slide = lambda x, w, b, padding=padding: rules.conv(x, w, b, stride, padding, dilation, w.shape[-1] // multiplier)
    size = lambda channels: (channels * multiplier, channels)
    stream = _causal("depthwise_conv", slide, stride, padding, dilation)
    return _layer("depthwise_conv", slide, window, size, bias, w_init, b_init, stream)


@shown
def conv_transpose(
    features: int,
    window: Sizes,
    *,
    stride: Sizes = 1,
    padding: str | Sequence[tuple[int, int]] = "SAME",
    dilation: Sizes = 1,
    groups: int = 1,
    bias: bool = True,
    w_init=initializers.he_normal(),
    b_init=initializers.zeros,
) -> Layer:
    """A transposed convolution: with ``padding="SAME"`` each spatial axis of y is stride times as long as x's.

    Args:
      features: channels of y.
      window: size of the window, for every spatial axis or for each.
      stride, padding, dilation, groups: as in `funcnn.rules.conv_transpose`.
      bias: whether there is a ``b``.
      w_init, b_init: initializers, see `funcnn.initializers`.

    Returns:
      A layer with parameters ``{"w": [*window, channels / groups, features], "b": [features]}`` in x's dtype, for x
      ``[batch, *space, channels]``.

    Raises:
      TypeError, ValueError: features, window or groups is not of positive ints; or, by init, x has too few axes, or
        channels that groups do not divide.

    Example:
      >>> layer = conv_transpose(16, (4, 4), stride=2)
      >>> params = layer.init(jax.random.key(0), jnp.ones((1, 8, 8, 3)))
      >>> layer.apply(params, jnp.ones((1, 8, 8, 3))).shape
      (1, 16, 16, 16)
    """
    positive("conv_transpose", "features", features)
    positive("conv_transpose", "groups", groups)
    slide = lambda x, w, b: rules.conv_transpose(x, w, b, stride, padding, dilation, groups)
    stream = cannot_stream("conv_transpose has no causal form")
    return _layer("conv_transpose", slide, window, lambda channels: (features, groups), bias, w_init, b_init, stream)


def flatten(x: jax.Array) -> jax.Array:
    """All axes but the first as one: ``[batch, ...]`` to ``[batch, n]``."""
    require_array("flatten", x)
    return x.reshape(x.shape[0], math.prod(x.shape[1:]))


def _causal(name, slide, stride, padding, dilation) -> Stream:
    """The stream along the first spatial axis, by the last inputs of each row, which the window reaches back to."""

    def start(params, like):
        window = params["w"].shape[:-2]
        steps, pads, apart = geometry(name, like, window, stride, padding, dilation)
        back = reaches(window, apart)[0] - 1
        if steps[0] != 1 or pads[0] != (back, 0):
            refuse(
                f"along time {name} must have stride 1 and padding ({back}, 0), so that its window sees no later position, "
                f"got stride {steps[0]} and padding {pads[0]}"
            )
        return jnp.zeros((like.shape[0], back, *like.shape[2:]), like.dtype)

    def step(params, carry, x, lengths=None):
        batch, _, *rest = carry.shape  # as the stream was started
        shapes(name, x=(x, f"{batch} positions {' '.join(map(str, rest))}"))
        n = x.shape[1]
        seen = jnp.concatenate([carry, x if n else jnp.zeros((batch, 1, *rest), x.dtype)], axis=1)  # a window at least
        pads = geometry(name, seen, params["w"].shape[:-2], stride, padding, dilation)[1]
        y = slide(seen, params["w"], params.get("b"), ((0, 0), *pads[1:]))
        return last_of(carry, x, lengths), y if n else y[:, :0]

    return Stream(start, step)


def _layer(name, slide, window, size, bias, w_init, b_init, stream):
    """The layer that calls ``slide(x, w, b)``; ``size(channels)`` says how many features and groups it has."""
    if isinstance(window, tuple) and not 1 <= len(window) <= 3:
        raise ValueError(f"{name}: window must have 1 to 3 sizes, one a spatial axis, got {window!r}")
    for n in window if isinstance(window, tuple) else (window,):
        positive(name, "window", n)
    require_bool(name, bias=bias)

    def init(key, x):
        require_array(name, x)
        sizes = window if isinstance(window, tuple) else (window,) * min(max(len(x.shape) - 2, 1), 3)
        channels, dtype = features_of(name, x, rank=len(sizes) + 2)
        features, groups = size(channels)
        if channels % groups:
            raise ValueError(f"{name}: groups must divide the {channels} channels of x, got {groups}")
        w_key, b_key = split_key(key)
        params = {"w": w_init(w_key, (*sizes, channels // groups, features), dtype)}
        return params | {"b": b_init(b_key, (features,), dtype)} if bias else params

    def apply(params, x, *, key=None, training=False):
        del key, training
        return slide(x, params["w"], params.get("b"))

    return Layer(init, apply, stream=stream)
