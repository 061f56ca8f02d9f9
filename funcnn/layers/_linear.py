"""The linear layer, by `funcnn.rules.linear`."""

from .. import initializers, rules
from .._core import Layer, split_key
from .._shown import shown
from ..rules._common._checks import require_bool
from ._example import features as features_of
from ._example import positive


@shown
def linear(features: int, *, bias: bool = True, w_init=initializers.lecun_normal(), b_init=initializers.zeros) -> Layer:
    """``y = x w + b`` over the last axis.

    Args:
      features: the size of y's last axis.
      bias: whether there is a ``b``.
      w_init, b_init: initializers, see `funcnn.initializers`.

    Returns:
      A layer with parameters ``{"w": [n, features], "b": [features]}`` in x's dtype, for x ``[..., n]``. A bias of
      shape ``[1, features]`` is applied as well.

    Raises:
      TypeError, ValueError: features is not a positive int, or bias not a bool; or, by init, x is not a floating-point
        array with an axis.

    Example:
      >>> layer = linear(2)
      >>> params = layer.init(jax.random.key(0), jnp.ones((4, 3)))
      >>> layer.apply(params, jnp.ones((4, 3))).shape
      (4, 2)
    """
    positive("linear", "features", features)
    require_bool("linear", bias=bias)

    def init(key, x):
        n, dtype = features_of("linear", x)
        w_key, b_key = split_key(key)
        params = {"w": w_init(w_key, (n, features), dtype)}
        return params | {"b": b_init(b_key, (features,), dtype)} if bias else params

    def apply(params, x, *, key=None, training=False):
        del key, training
        return rules.linear(x, params["w"], params.get("b"))

    return Layer(init, apply)
