"""One step of training: gradient by the hand-written rules, update by the optimizer."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from .._core import Layer, as_layer
from ._state import TrainState, require_optimizer, step_key

Batch = tuple[Any, ...]
Metrics = dict[str, jax.Array]
Step = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
Loss = Callable[..., jax.Array]


def make_step(model: Layer, loss: Loss, optimizer: optax.GradientTransformation) -> Step:
    """A compiled training step, to be called in a loop of one's own.

    Args:
      model: a layer, or a plain function.
      loss: ``loss(prediction, *targets) -> scalar``, such as those in `funcnn.losses`.
      optimizer: an optax optimizer, those that need the loss's value or function (line searches) included.

    Returns:
      ``step(state, batch) -> (state, metrics)``. A batch is a tuple ``(inputs, *targets)``; metrics holds ``"loss"``. The
      state that is passed in is donated: its memory becomes the new state's. A batch that does not fit raises before
      that, and the state is kept.

    Example:
      >>> x, y = jnp.ones((4, 3)), jnp.zeros((4, 1))
      >>> state = TrainState.create(linear(1), optax.sgd(0.1), jax.random.key(0), x)
      >>> step = make_step(linear(1), losses.squared_error, optax.sgd(0.1))
      >>> state, metrics = step(state, (x, y))
      >>> int(state.step), sorted(metrics)
      (1, ['loss'])
    """
    return jax.jit(plain_step(model, loss, optimizer), donate_argnums=0)


def plain_step(model: Layer, loss: Loss, optimizer: optax.GradientTransformation) -> Step:
    """The same step, not compiled: for use inside a scan."""
    model = as_layer(model)
    require_optimizer(optimizer)
    optimizer = optax.with_extra_args_support(optimizer)

    def step(state, batch):
        inputs, *targets = batch
        key = step_key(state)

        def objective(params):
            value = loss(model.apply(params, inputs, key=key, training=True), *targets)
            require_scalar(value)
            return value

        value, gradient = jax.value_and_grad(objective)(state.params)
        updates, opt_state = optimizer.update(
            gradient, state.opt_state, state.params, value=value, grad=gradient, value_fn=objective
        )
        params = optax.apply_updates(state.params, updates)
        return TrainState(params, opt_state, state.key, state.step + 1), {"loss": value}

    return step


def require_scalar(value) -> None:
    """Raise unless a loss's value is one floating-point number."""
    if not hasattr(value, "shape") or not jnp.issubdtype(value.dtype, jnp.floating):
        raise TypeError(f"loss must return a floating-point scalar, got {value!r}")
    if value.shape != ():
        raise ValueError(f"loss must return a scalar, got {value.dtype}{list(value.shape)}: take its mean or its sum")
