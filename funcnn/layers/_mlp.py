"""Multilayer perceptrons with one hidden layer, by `funcnn.rules.mlp` and `funcnn.rules.gated_mlp`."""

from collections.abc import Callable
from typing import Any

from .. import initializers, rules
from .._core import Layer, split_key
from .._shown import shown
from ..rules._common._checks import require_bool
from ._example import features as features_of
from ._example import positive


@shown
def mlp(
    hidden: int,
    *,
    activation: Callable[[Any], Any] = rules.gelu,
    bias: bool = True,
    tile: int | None = None,
    w_init=initializers.lecun_normal(),
    b_init=initializers.zeros,
) -> Layer:
    """A linear layer, an activation, and a linear layer back to x's features.

    Args:
      hidden: how many hidden units.
      activation: a function of rows without parameters.
      bias: whether both linear layers have one.
      tile: how many rows are taken at a time, so that ``[rows, hidden]`` is never whole; None for all.
      w_init, b_init: initializers, see `funcnn.initializers`.

    Returns:
      A layer with parameters ``{"w_in": [n, hidden], "w_out": [hidden, n], "b_in": [hidden], "b_out": [n]}`` in x's
      dtype, for x ``[..., n]``.

    Raises:
      TypeError, ValueError: hidden is not a positive int, or bias not a bool; or, by init, x is not a floating-point array;
        or, by apply, activation or tile is not as `funcnn.rules.mlp` takes it.
    """
    positive("mlp", "hidden", hidden)
    require_bool("mlp", bias=bias)

    def init(key, x):
        n, dtype = features_of("mlp", x)
        k_in, k_out, k_b_in, k_b_out = split_key(key, 4)
        params = {"w_in": w_init(k_in, (n, hidden), dtype), "w_out": w_init(k_out, (hidden, n), dtype)}
        biases = {"b_in": b_init(k_b_in, (hidden,), dtype), "b_out": b_init(k_b_out, (n,), dtype)}
        return params | biases if bias else params

    def apply(params, x, *, key=None, training=False):
        del key, training
        return rules.mlp(x, params["w_in"], params["w_out"], params.get("b_in"), params.get("b_out"), activation, tile)

    return Layer(init, apply)


@shown
def gated_mlp(
    hidden: int,
    *,
    activation: Callable[[Any], Any] = rules.silu,
    tile: int | None = None,
    w_init=initializers.lecun_normal(),
) -> Layer:
    """An MLP whose hidden units are weighted by an activation of a second product; with silu this is SwiGLU.

    Args:
      hidden: how many hidden units.
      activation: a function of rows without parameters.
      tile: how many rows are taken at a time, so that ``[rows, hidden]`` is never whole; None for all.
      w_init: an initializer, see `funcnn.initializers`.

    Returns:
      A layer with parameters ``{"w_gate": [n, hidden], "w_up": [n, hidden], "w_down": [hidden, n]}`` in x's dtype, for x
      ``[..., n]``.

    Raises:
      TypeError, ValueError: hidden is not a positive int; or, by init, x is not a floating-point array; or, by apply,
        activation or tile is not as `funcnn.rules.gated_mlp` takes it.
    """
    positive("gated_mlp", "hidden", hidden)

    def init(key, x):
        n, dtype = features_of("gated_mlp", x)
        sizes = {"w_gate": (n, hidden), "w_up": (n, hidden), "w_down": (hidden, n)}
        return {name: w_init(k, size, dtype) for k, (name, size) in zip(split_key(key, 3), sizes.items(), strict=True)}

    def apply(params, x, *, key=None, training=False):
        del key, training
        return rules.gated_mlp(x, params["w_gate"], params["w_up"], params["w_down"], activation, tile)

    return Layer(init, apply)
