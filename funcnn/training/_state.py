"""Everything that training carries from one step to the next, as one pytree."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from .._core import Layer, Params, as_layer


class TrainState(NamedTuple):
    """Parameters, optimizer state, key and step number.

    Attributes:
      params: the model's parameters.
      opt_state: the optimizer's state.
      key: the key from which each step's noise and each epoch's order are drawn; it never changes.
      step: how many steps have been taken, int32.
    """

    params: Params
    opt_state: Any
    key: jax.Array
    step: jax.Array

    @staticmethod
    def create(model: Layer, optimizer: optax.GradientTransformation, key: jax.Array, x: Any) -> "TrainState":
        """Draw the parameters for inputs like ``x`` and set everything else to its start.

        Args:
          model: a layer.
          optimizer: an optax optimizer.
          key: a `jax.random.key`.
          x: a batch of inputs, or its `jax.ShapeDtypeStruct`.

        Raises:
          TypeError: key is not a key; an input does not fit the model.
        """
        require_key(key)
        init_key, train_key = jax.random.split(key)
        params = as_layer(model).init(init_key, x)
        return TrainState(params, optimizer.init(params), train_key, jnp.zeros((), jnp.int32))


def step_key(state: TrainState) -> jax.Array:
    """The key for the noise of the state's next step."""
    return jax.random.fold_in(jax.random.fold_in(state.key, 0), state.step)


def order_key(state: TrainState, epoch: jax.Array) -> jax.Array:
    """The key for the order of the examples in an epoch."""
    return jax.random.fold_in(jax.random.fold_in(state.key, 1), epoch)


def require_key(key) -> None:
    """Raise TypeError unless ``key`` is a key of `jax.random`."""
    typed = hasattr(key, "dtype") and jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key)
    legacy = hasattr(key, "dtype") and key.dtype == jnp.uint32 and key.ndim >= 1
    if not (typed or legacy):
        raise TypeError(f"key must be a jax.random.key, got {key!r}: pass jax.random.key(0), say")
