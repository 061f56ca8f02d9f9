"""One step of training: gradient by the hand-written rules, update by the optimizer."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from .._core import Layer, PyTree, as_layer
from ._mesh import settled
from ._metrics import Metric, Sums, as_metric, ratio, weighted, wide
from ._once import once
from ._optimizer import as_optimizer, judged, updated
from ._state import TrainState, require_kept, require_learnable, require_own_state, step_key

Batch = tuple[Any, ...]
Values = dict[str, PyTree]
Loss = Callable[..., jax.Array]
NO_METRICS: Mapping[str, Metric] = {}


class Step(NamedTuple):
    """Four pure functions: a step of training, what it measures, what the sums stand for, and what must stay finite.

    Attributes:
      take: ``take(state, batch) -> (state, sums)``. The sums are a dict, those of the loss and of each metric by name. The
        sums of several batches add up. The state's position is handed on as it came.
      measure: ``measure(state, batch) -> sums``, those of `take`, at the cost of a forward pass.
      value: ``value(sums) -> results``, by the same names.
      judged: ``judged(state, losses) -> pytree``, of which a NaN or inf is a fault.
    """

    take: Callable[[TrainState, Batch], tuple[TrainState, dict[str, Sums]]]
    measure: Callable[[TrainState, Batch], dict[str, Sums]]
    value: Callable[[dict[str, Sums]], Values]
    judged: Callable[[TrainState, PyTree], PyTree]


@once
def make_step(
    model: Layer, loss: Loss, optimizer: optax.GradientTransformation, *, donate: bool = True
) -> Callable[[TrainState, Batch], tuple[TrainState, Values]]:
    """A compiled training step, to be called in a loop of one's own. The same arguments give the same step, compiled once.

    Args:
      model: a layer, or a plain function.
      loss: ``loss(prediction, *targets) -> scalar``, such as those in `funcnn.losses`.
      optimizer: an optax optimizer, those that need the loss's value or function (line searches, sharpness-aware
        minimisation) included.
      donate: whether the memory of the state that is passed in becomes the new state's. False keeps every state.

    Returns:
      ``step(state, batch) -> (state, metrics)``. A batch is a tuple ``(inputs, *targets)``; metrics holds ``"loss"``. A
      batch that does not fit raises before the state is donated. A state that was donated raises RuntimeError. On
      several devices of a CPU each step waits for the one before.

    Example:
      >>> x, y = jnp.ones((4, 3)), jnp.zeros((4, 1))
      >>> state = TrainState.create(linear(1), optax.sgd(0.1), jax.random.key(0), x)
      >>> step = make_step(linear(1), losses.squared_error, optax.sgd(0.1))
      >>> state, metrics = step(state, (x, y))
      >>> int(state.step), sorted(metrics)
      (1, ['loss'])
    """
    plain = plain_step(model, loss, optimizer)

    def step(state, batch):
        require_own_state(optimizer, state)
        state, sums = plain.take(state, batch)
        return state, plain.value(sums)

    compiled = jax.jit(step, donate_argnums=0 if donate else ())

    @wraps(compiled)
    def explained(state, batch):
        try:
            return settled(compiled(state, batch))
        except (RuntimeError, ValueError):
            require_kept(state)
            raise

    return explained


@once
def plain_step(
    model: Layer,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    metrics: Mapping[str, Metric | Callable[..., tuple[Any, Any]]] = NO_METRICS,
) -> Step:
    """The same step, not compiled and with its sums: for use inside a loop that is.

    A batch's loss is weighted by the number of its examples, so that an epoch's result is the weighted mean of its batches'
    losses.
    """
    model = as_layer(model)
    if not callable(loss):
        raise TypeError(f"loss must be a function (prediction, *targets) -> scalar, got {type(loss).__name__}")
    complete = as_optimizer(optimizer)
    measured = {name: as_metric(metric) for name, metric in metrics.items()}

    def objective(params, state, batch):
        inputs, *targets = batch
        prediction = model.apply(params, inputs, key=step_key(state), training=True)
        value = loss(prediction, *targets)
        require_scalar(value)
        return value, prediction

    def sums_of(value, prediction, batch):
        _, *targets = batch
        sums = {name: metric.measure(prediction, *targets) for name, metric in measured.items()}
        return wide(sums | {"loss": weighted(value, _examples(batch))})

    def take(state, batch):
        require_learnable(state.params)
        (value, prediction), gradient = jax.value_and_grad(objective, has_aux=True)(state.params, state, batch)
        loss_of = lambda params: objective(params, state, batch)[0]
        params, opt_state = updated(complete, state.opt_state, state.params, value, gradient, loss_of)
        state = state._replace(params=params, opt_state=opt_state, step=state.step + 1)
        return state, sums_of(value, prediction, batch)

    def measure(state, batch):
        return sums_of(*objective(state.params, state, batch), batch)

    def value(sums):
        results = {name: metric.value(sums[name]) for name, metric in measured.items()}
        return results | {"loss": ratio(sums["loss"])}

    def watched(state, losses):
        return judged(complete, state.opt_state, state.params, losses)

    return Step(take, measure, value, watched)


def _examples(batch) -> int:
    """How many examples a batch has along its first axis; one without axes is one."""
    return next((leaf.shape[0] for leaf in jax.tree.leaves(batch) if leaf.shape), 1)


def require_scalar(value) -> None:
    """Raise unless a loss's value is one floating-point number."""
    if not hasattr(value, "shape") or not jnp.issubdtype(value.dtype, jnp.floating):
        raise TypeError(f"loss must return a floating-point scalar, got {value!r}")
    if value.shape != ():
        raise ValueError(f"loss must return a scalar, got {value.dtype}{list(value.shape)}: take its mean or its sum")
