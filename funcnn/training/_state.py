"""Everything that training carries from one step to the next, as one pytree."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.core import Tracer

from .._core import Layer, Params, as_layer, split_key
from .._paths import dotted
from ._once import once
from ._optimizer import as_optimizer, require_trainable
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
    def create(
        model: Layer,
        optimizer: optax.GradientTransformation,
        key: jax.Array,
        x: Any = None,
        *,
        params: Params | None = None,
    ) -> "TrainState":
        """Draw the parameters for inputs like ``x``, or take given ones, and set everything else to its start.

        The state's arrays are its own, none of them in two places: a step that takes over its memory leaves what was
        handed in as it is.

        Args:
          model: a layer.
          optimizer: an optax optimizer.
          key: a `jax.random.key`.
          x: a batch of inputs, or its `jax.ShapeDtypeStruct`; with params it may be None.
          params: where to start from, such as what was trained before; None draws them.

        Raises:
          TypeError: key is not a key, or optimizer not an optimizer, or not one that trains one set of parameters; an input
            does not fit the model; a parameter is not floating; there are neither x nor params.
          ValueError: there are both, and params are not such as the model has for x.
        """
        optimizer = as_optimizer(optimizer)
        init_key, train_key = split_key(key)
        init = as_layer(model).init
        if params is None:
            if x is None:
                raise TypeError("x must be a batch of inputs where no params are given, got None")
            params = init(init_key, x)
        elif x is not None:
            require_alike("params must be such as the model has for x", params, jax.eval_shape(init, init_key, x))
        require_learnable(params)
        own: Params = jax.tree.map(_own, params)
        opt_state = jax.tree.map(_own, optimizer.init(own))
        require_trainable(opt_state)
        step, epoch, batch = (jnp.zeros((), jnp.int32) for _ in range(3))
        return TrainState(own, opt_state, train_key, step, Position(epoch, batch))


def require_fit(state: TrainState, model: Layer, optimizer: optax.GradientTransformation, x: Any) -> TrainState:
    """The state, if it has the structure, shapes and dtypes of one that is created for this model and optimizer.

    Raises:
      TypeError: it is not a TrainState.
      ValueError: a leaf differs.
      RuntimeError: its memory was handed on.
    """
    if not isinstance(state, TrainState):
        raise TypeError(f"state must be a TrainState, got {type(state).__name__}")
    require_kept(state)
    expected = jax.eval_shape(_creating(model, optimizer), state.key, x)
    require_alike("state must fit the model and the optimizer", state, expected)
    return state


@once
def _creating(model, optimizer):
    """A function ``(key, x)`` that creates their state: the same one each time, so that it is traced once for a shape."""
    return lambda key, x: TrainState.create(model, optimizer, key, x)


def require_own_state(optimizer: optax.GradientTransformation, state: TrainState) -> None:
    """Raise ValueError, naming every leaf that differs, where the optimizer's state is one of another optimizer."""
    expected = jax.eval_shape(optimizer.init, state.params)
    if jax.tree.structure(state.opt_state) != jax.tree.structure(expected):
        require_alike("state must fit the optimizer", {"opt_state": state.opt_state}, {"opt_state": expected})


def require_learnable(params: Params) -> None:
    """Raise TypeError, naming the first leaf that has no gradient, unless all parameters are floating or complex."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if not jnp.issubdtype(dtype := jnp.result_type(leaf), jnp.inexact):
            raise TypeError(
                f"params.{dotted(path)} must be floating-point, to be learned, got {dtype}{list(jnp.shape(leaf))}: what is "
                "not learned belongs into the function apply, not into its parameters"
            )


def require_kept(state: TrainState) -> None:
    """Raise RuntimeError if a step took over the memory of the state."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        if isinstance(leaf, jax.Array) and not isinstance(leaf, Tracer) and leaf.is_deleted():
            raise RuntimeError(
                f"state was donated, {dotted(path)} is gone: an earlier step took over its memory. Go on from the state "
                "that it returned, or keep every state with make_step(..., donate=False)"
            )


def _own(a):
    """A copy, so that a step may take over its memory."""
    return jnp.array(a, dtype=jnp.result_type(a))


def step_key(state: TrainState) -> jax.Array:
    """The key for the noise of the state's next step."""
    return jax.random.fold_in(jax.random.fold_in(state.key, 0), state.step)


def order_key(state: TrainState) -> jax.Array:
    """The key for the order of the examples in the state's epoch."""
    return jax.random.fold_in(jax.random.fold_in(state.key, 1), state.position.epoch)
