"""Everything that training carries from one step to the next, as one pytree."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .._core import Layer, Params, as_layer, split_key
from ._trees import described, require_alike


class Position(NamedTuple):
    """Where in the data the next batch is.

    Attributes:
      epoch: the epoch's number, int32.
      batch: the batch's number within that epoch, int32.
    """

    epoch: jax.Array | np.int32 = np.int32(0)
    batch: jax.Array | np.int32 = np.int32(0)


class TrainState(NamedTuple):
    """Parameters, optimizer state, key, step number and position in the data.

    Attributes:
      params: the model's parameters.
      opt_state: the optimizer's state.
      key: the key from which each step's noise and each epoch's order are drawn; it never changes.
      step: how many steps have been taken, int32.
      position: the epoch and the batch within it that come next. `fit` moves it; a loop of one's own over `make_step`,
        which may take its batches from anywhere, leaves it where it is.
    """

    params: Params
    opt_state: Any
    key: jax.Array
    step: jax.Array
    position: Position = Position()

    def __repr__(self) -> str:
        leaves = described(self)
        width = max(map(len, leaves))
        return "\n".join(["TrainState", *(f"  {path:{width}}  {what}" for path, what in leaves.items())])

    @staticmethod
    def create(model: Layer, optimizer: optax.GradientTransformation, key: jax.Array, x: Any) -> "TrainState":
        """Draw the parameters for inputs like ``x`` and set everything else to its start.

        Args:
          model: a layer.
          optimizer: an optax optimizer.
          key: a `jax.random.key`.
          x: a batch of inputs, or its `jax.ShapeDtypeStruct`.

        Raises:
          TypeError: key is not a key, or optimizer not an optimizer; an input does not fit the model.
        """
        require_optimizer(optimizer)
        init_key, train_key = split_key(key)
        params = as_layer(model).init(init_key, x)
        # Some optimizers start with one array in several places; a step donates each place's memory.
        opt_state = jax.tree.map(lambda a: a.copy() if isinstance(a, jax.Array) else a, optimizer.init(params))
        step, epoch, batch = (jnp.zeros((), jnp.int32) for _ in range(3))
        return TrainState(params, opt_state, train_key, step, Position(epoch, batch))


def require_fit(state: TrainState, model: Layer, optimizer: optax.GradientTransformation, x: Any) -> TrainState:
    """The state, if it has the structure, shapes and dtypes of one that is created for this model and optimizer.

    Raises:
      TypeError: it is not a TrainState.
      ValueError: a leaf differs.
    """
    if not isinstance(state, TrainState):
        raise TypeError(f"state must be a TrainState, got {type(state).__name__}")
    expected = jax.eval_shape(lambda key, x: TrainState.create(model, optimizer, key, x), state.key, x)
    require_alike("state must fit the model and the optimizer", state, expected)
    return state


def require_own_state(optimizer: optax.GradientTransformation, state: TrainState) -> None:
    """Raise ValueError, naming every leaf that differs, where the optimizer's state is one of another optimizer."""
    expected = jax.eval_shape(optimizer.init, state.params)
    if jax.tree.structure(state.opt_state) != jax.tree.structure(expected):
        require_alike("state must fit the optimizer", {"opt_state": state.opt_state}, {"opt_state": expected})


def require_optimizer(optimizer) -> None:
    """Raise TypeError unless it has what an optax optimizer has."""
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise TypeError(f"optimizer must be an optax optimizer, got {type(optimizer).__name__}: optax.sgd(0.1), say")


def step_key(state: TrainState) -> jax.Array:
    """The key for the noise of the state's next step."""
    return jax.random.fold_in(jax.random.fold_in(state.key, 0), state.step)


def order_key(state: TrainState) -> jax.Array:
    """The key for the order of the examples in the state's epoch."""
    return jax.random.fold_in(jax.random.fold_in(state.key, 1), state.position.epoch)
