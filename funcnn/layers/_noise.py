"""Noise layers, by `funcnn.rules.dropout` and `funcnn.rules.gaussian_noise`: the identity unless ``training=True``."""

from collections.abc import Callable
from typing import Any

from .. import rules
from .._core import Layer
from .._shown import shown
from ..rules._common._checks import require_floating
from ._example import key_of_training, require_rate


@shown
def dropout(rate: float, *, shared: tuple[int, ...] = ()) -> Layer:
    """Sets a random part of the entries to 0 while training, and scales the rest up.

    Args:
      rate: the fraction that is dropped, from 0 to below 1.
      shared: axes along which all entries are dropped together.

    Returns:
      A layer without parameters, whose ``apply`` needs a ``key`` while training.

    Raises:
      ValueError: rate is not such a fraction; or, by apply, there is no key.

    Example:
      >>> layer = dropout(0.5)
      >>> layer.apply((), jnp.ones(4), key=jax.random.key(0), training=True).tolist()
      [2.0, 2.0, 0.0, 0.0]
      >>> layer.apply((), jnp.ones(4)).tolist()
      [1.0, 1.0, 1.0, 1.0]
    """
    require_rate("dropout", "rate", rate)
    return _while_training("dropout", lambda x, key: rules.dropout(x, key, rate, shared))


@shown
def spatial_dropout(rate: float) -> Layer:
    """Drops whole channels of an example while training: for x ``[batch, *space, channels]``; otherwise as `dropout`."""
    require_rate("spatial_dropout", "rate", rate)
    return _while_training("spatial_dropout", lambda x, key: rules.dropout(x, key, rate, tuple(range(1, x.ndim - 1))))


@shown
def drop_path(rate: float) -> Layer:
    """Drops whole examples while training, for x ``[batch, ...]``; otherwise as `dropout`.

    In a `residual` branch this is stochastic depth.

    Source:
      Huang et al., "Deep networks with stochastic depth", 2016.
    """
    require_rate("drop_path", "rate", rate)
    return _while_training("drop_path", lambda x, key: rules.dropout(x, key, rate, tuple(range(1, x.ndim))))


@shown
def gaussian_noise(stddev: float) -> Layer:
    """Adds a normal draw to each entry while training.

    Args:
      stddev: its standard deviation, at least 0.

    Returns:
      A layer without parameters, whose ``apply`` needs a ``key`` while training.

    Raises:
      ValueError: stddev is not such a number.
    """
    if isinstance(stddev, bool) or not isinstance(stddev, (int, float)) or not stddev >= 0:
        raise ValueError(f"gaussian_noise: stddev must be a number not below 0, got {stddev!r}")
    return _while_training("gaussian_noise", lambda x, key: rules.gaussian_noise(x, key, stddev))


def _while_training(layer: str, noisy: Callable[[Any, Any], Any]) -> Layer:
    def apply(params, x, *, key=None, training=False):
        del params
        require_floating(layer, x=x)  # in training it would be said late
        if not training:
            return x
        return noisy(x, key_of_training(layer, key))

    return Layer(lambda key, x: (), apply)
