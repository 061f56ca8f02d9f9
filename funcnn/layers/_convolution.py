"""The convolution layer, by `funcnn.rules.conv`."""

import math
from collections.abc import Sequence

import jax

from .. import initializers, rules
from .._core import Layer, split_key
from ._example import features as features_of
from ._example import positive


def conv(
    features: int,
    window: tuple[int, ...],
    *,
    stride: int | tuple[int, ...] = 1,
    padding: str | Sequence[tuple[int, int]] = "SAME",
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
    bias: bool = True,
    w_init=initializers.he_normal(),
    b_init=initializers.zeros,
) -> Layer:
    """A convolution over as many spatial axes as ``window`` has entries: one, two or three.

    Args:
      features: channels of y.
      window: size of the window along each spatial axis.
      stride, padding, dilation, groups: as in `funcnn.rules.conv`.
      bias: whether there is a ``b``.
      w_init, b_init: initializers, see `funcnn.initializers`.

    Returns:
      A layer with parameters ``{"w": [*window, channels / groups, features], "b": [features]}`` in x's dtype, for x
      ``[batch, *space, channels]``.

    Example:
      >>> layer = conv(16, (3, 3), stride=2)
      >>> params = layer.init(jax.random.key(0), jnp.ones((1, 8, 8, 3)))
      >>> layer.apply(params, jnp.ones((1, 8, 8, 3))).shape
      (1, 4, 4, 16)
    """
    positive("conv", "features", features)
    positive("conv", "groups", groups)
    if not isinstance(window, tuple) or not 1 <= len(window) <= 3:
        raise ValueError(f"conv: window must be a tuple of 1 to 3 sizes, one a spatial axis, got {window!r}")
    for size in window:
        positive("conv", "window", size)

    def init(key, x):
        channels, dtype = features_of("conv", x, rank=len(window) + 2)
        if channels % groups:
            raise ValueError(f"conv: groups must divide the {channels} channels of x, got {groups}")
        w_key, b_key = split_key(key)
        params = {"w": w_init(w_key, (*window, channels // groups, features), dtype)}
        return params | {"b": b_init(b_key, (features,), dtype)} if bias else params

    def apply(params, x, *, key=None, training=False):
        del key, training
        return rules.conv(x, params["w"], params.get("b"), stride, padding, dilation, groups)

    return Layer(init, apply)


def flatten(x: jax.Array) -> jax.Array:
    """All axes but the first as one: ``[batch, ...]`` to ``[batch, n]``."""
    return x.reshape(x.shape[0], math.prod(x.shape[1:]))
