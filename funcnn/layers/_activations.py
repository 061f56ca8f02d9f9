"""Activations with parameters, prelu and snake, by the rules of these names. All others are plain functions."""

from collections.abc import Callable

from .. import initializers, rules
from .._core import Layer
from .._shown import shown
from ..rules._common._checks import require_bool
from ._example import features as features_of


@shown
def prelu(*, per_feature: bool = False, a_init=initializers.constant(0.25)) -> Layer:
    """x where positive, ``a x`` elsewhere, with a learned slope a.

    Args:
      per_feature: whether each entry of x's last axis has its own slope; otherwise all share one.
      a_init: an initializer.

    Returns:
      A layer with parameters ``{"a": []}`` or ``{"a": [features]}`` in x's dtype.
    """
    return _learned("prelu", rules.prelu, "a", per_feature, a_init)


@shown
def snake(*, per_feature: bool = True, alpha_init=initializers.ones) -> Layer:
    """``x + sin²(alpha x) / alpha`` with a learned frequency alpha.

    Args:
      per_feature: whether each entry of x's last axis has its own frequency; otherwise all share one.
      alpha_init: an initializer.

    Returns:
      A layer with parameters ``{"alpha": [features]}`` or ``{"alpha": []}`` in x's dtype.
    """
    return _learned("snake", rules.snake, "alpha", per_feature, alpha_init)


def _learned(layer: str, rule: Callable, name: str, per_feature: bool, draw) -> Layer:
    require_bool(layer, per_feature=per_feature)

    def init(key, x):
        features, dtype = features_of(layer, x)
        return {name: draw(key, (features,) if per_feature else (), dtype)}

    def apply(params, x, *, key=None, training=False):
        del key, training
        return rule(x, params[name])

    return Layer(init, apply)
