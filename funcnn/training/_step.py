"""One step of training: gradient by the hand-written rules, update by the optimizer."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from .._core import Layer, PyTree, as_layer
from ._in_place import Places, gathering, in_place, places_of
from ._mesh import settled
from ._metrics import Metric, Sums, named, ratio, weighted, wide
from ._once import once
from ._optimizer import as_optimizer, judged, updated
from ._probes import UNPROBED, is_mark, probed
from ._state import TrainState, require_kept, require_learnable, require_own_state, step_key
from .per_example._gradients import clipped_sum
from .wrappers._frozen import held

Batch = tuple[Any, ...]
Values = dict[str, PyTree]
Loss = Callable[..., Any]
Metrics = tuple[tuple[str, Metric | Callable[..., tuple[Any, Any]]], ...]


class Step(NamedTuple):
    """Pure functions: a step of training, what it measures, what the sums stand for, and what must stay finite.

    Attributes:
      take: ``take(state, batch) -> (state, sums)``. The sums are a dict, those of the loss, of each metric and of what a
        gradient alone tells, by name. The sums of several batches add up. The state's position is handed on as it came.
      measure: ``measure(params, batch, key=None) -> sums``, those of the loss and the metrics at the cost of a forward
        pass: of training with a key, as it is outside of training without one.
      untaken: ``untaken(state, batch) -> sums``, the zeros of what `take` measures beyond `measure`.
      value: ``value(sums) -> results``, by the same names.
      shown: ``shown(state) -> results``, what the state says of itself: the learning rate.
      judged: ``judged(state, losses) -> pytree``, of which a NaN or inf is a fault.
      blamed: ``blamed(state, batch, results) -> text``: where a step's first NaN or inf came about, if its results tell.
    """

    take: Callable[[TrainState, Batch], tuple[TrainState, dict[str, Sums]]]
    measure: Callable[..., dict[str, Sums]]
    untaken: Callable[[TrainState, Batch], dict[str, Sums]]
    value: Callable[[dict[str, Sums]], Values]
    shown: Callable[[TrainState], Values]
    judged: Callable[[TrainState, PyTree], PyTree]
    blamed: Callable[[TrainState, Batch, Values], str] = lambda state, batch, results: ""


@once
def make_step(
    model: Layer, loss: Loss, optimizer: optax.GradientTransformation, *, donate: bool = True, probes: bool = False
) -> Callable[[TrainState, Batch], tuple[TrainState, Values]]:
    """A compiled training step, to be called in a loop of one's own. The same arguments give the same step, compiled once.

    Args:
      model: a layer, or a plain function.
      loss: ``loss(prediction, *targets)`` to a scalar, such as those in `funcnn.losses`, or to a scalar and a dict of
        further ones, which are measured alone. One with an argument ``params`` is handed the parameters.
      optimizer: an optax optimizer, those that need the loss's value or function (line searches, sharpness-aware
        minimisation) included.
      donate: whether the memory of the state that is passed in becomes the new state's. False keeps every state.
      probes: whether to look into the backward pass. Then metrics holds ``gradient_norm``, and for each layer, by its path,
        ``gradient_norm.body.0``, ``nonfinite_output.body.0`` and ``nonfinite_cotangent.body.0``. The last two count how
        often its output, or the cotangent of that, held NaN or inf. Layers before the first with parameters are left out.

    Returns:
      ``step(state, batch) -> (state, metrics)``. A batch is a tuple ``(inputs, *targets)``; metrics holds ``"loss"`` and
      what the loss measures besides. A batch that does not fit raises before the state is
      donated. A state that was donated raises RuntimeError. On several devices of a CPU each step waits for the one before.

    Example:
      >>> x, y = jnp.ones((4, 3)), jnp.zeros((4, 1))
      >>> state = TrainState.create(linear(1), optax.sgd(0.1), jax.random.key(0), x)
      >>> step = make_step(linear(1), losses.squared_error, optax.sgd(0.1))
      >>> state, metrics = step(state, (x, y))
      >>> int(state.step), sorted(metrics)
      (1, ['loss'])
    """

    @once
    def compiled(places):
        plain = placed_step(places, model, loss, optimizer, probes=probes)

        def step(state, batch):
            require_own_state(optimizer, state)
            state, sums = plain.take(state, batch)
            return state, plain.value(sums)

        return jax.jit(step, donate_argnums=0 if donate else ())

    on_one = compiled(None)

    @wraps(on_one)
    def explained(state, batch):
        try:
            places = places_of(state)
            return settled((on_one if places is None else compiled(places))(state, batch))
        except (RuntimeError, ValueError):
            require_kept(state)
            raise

    return explained


@once
def placed_step(places: Places | None, model: Layer, *arguments: Any, **options: Any) -> Step:
    """`plain_step` for a state that lies there: its parameters are gathered where they are used, and it stays."""
    if places is None:
        return plain_step(model, *arguments, **options)
    step = plain_step(gathering(as_layer(model), places.params), *arguments, **options)
    return step._replace(take=in_place(step.take, places))


@once
def plain_step(
    model: Layer, loss: Loss, optimizer: optax.GradientTransformation, metrics: Metrics = (), probes: bool = False
) -> Step:
    """The same step, not compiled and with its sums: for use inside a loop that is.

    A batch's loss is weighted by the number of its examples, so that an epoch's result is the weighted mean of its batches'
    losses. With probes a row shows the mean of the norms of each step's gradient.
    """
    model = as_layer(model)
    loss_of = as_loss(loss)
    complete = as_optimizer(optimizer)
    look = probed(model) if probes else UNPROBED
    measured = {name: named(name, metric) for name, metric in metrics}

    def objective(params, batch, key):
        inputs, *targets = batch
        prediction = model.apply(params, inputs, key=key, training=key is not None)
        value, besides = loss_of(params, prediction, *targets)
        return value, (prediction, besides)

    def sums_of(value, others, batch):
        (prediction, besides), (_, *targets) = others, batch
        if doubled := besides.keys() & {"loss", *measured}:
            raise ValueError(f"loss must not return another {', '.join(sorted(doubled))}")
        sums = {name: metric.measure(prediction, *targets) for name, metric in measured.items()}
        return wide(sums | {name: weighted(a, _examples(batch)) for name, a in (besides | {"loss": value}).items()})

    def take(state, batch):
        require_learnable(state.params)
        key = step_key(state)
        learned = lambda params, batch, key: objective(held(params, state.opt_state), batch, key)
        (value, others), gradient, seen = look.gradient(learned, state.params, batch, key)
        again = lambda params: learned(params, batch, key)[0]
        clipped = lambda clip: clipped_sum(lambda *at: learned(*at)[0], state.params, batch, key, clip)
        params, opt_state = updated(complete, state.opt_state, state.params, value, gradient, again, clipped)
        state = state._replace(params=params, opt_state=opt_state, step=state.step + 1)
        return state, sums_of(value, others, batch) | seen

    def measure(params, batch, key=None):
        value, others = objective(params, batch, key)
        return sums_of(value, others, batch)

    def untaken(state, batch):
        return look.untaken(state.params, batch, step_key(state))

    def value(sums):
        of = lambda name, a: a if is_mark(name) else ratio(a)
        return {name: measured[name].value(a) if name in measured else of(name, a) for name, a in sums.items()}

    def blamed(state, batch, results):
        return look.blamed(state.params, batch, step_key(state), results)

    def watched(state, losses):
        return judged(complete, state.opt_state, state.params, losses)

    return Step(take, measure, untaken, value, learning_rate, watched, blamed)


def as_loss(loss: Loss) -> Callable[..., tuple[jax.Array, dict[str, jax.Array]]]:
    """A function ``(params, prediction, *targets) -> (value, besides)`` of what a user's loss may take and return."""
    if not callable(loss):
        raise TypeError(f"loss must be a function (prediction, *targets) -> scalar, got {type(loss).__name__}")
    takes_params = "params" in _arguments(loss)

    def whole(params, prediction, *targets):
        returned = loss(prediction, *targets, **({"params": params} if takes_params else {}))
        value: Any = returned
        besides: Any = {}
        if isinstance(returned, tuple) and len(returned) == 2:
            value, besides = returned
        if not isinstance(besides, dict):
            raise TypeError(f"loss must return a scalar, or a scalar and a dict of scalars, got {besides!r} beside it")
        require_scalar("loss", value)
        for name, a in besides.items():
            require_scalar(f"the loss's {name}", a)
        return value, besides

    return whole


def _arguments(function):
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # of what C wrote
        return ()


def learning_rate(state: TrainState) -> Values:
    """The learning rate of the state's last step, where `optax.inject_hyperparams` shows it."""
    of_optax = lambda node: isinstance(getattr(node, "hyperparams", None), dict)
    nodes = filter(of_optax, jax.tree.leaves(state.opt_state, is_leaf=of_optax))
    rates = [node.hyperparams["learning_rate"] for node in nodes if "learning_rate" in node.hyperparams]
    return {"learning_rate": rates[0]} if rates else {}


def _examples(batch) -> int:
    """How many examples a batch has along its first axis; one without axes is one."""
    return next((leaf.shape[0] for leaf in jax.tree.leaves(batch) if leaf.shape), 1)


def require_scalar(what: str, value) -> None:
    """Raise unless a value is one floating-point number."""
    if not hasattr(value, "shape") or not jnp.issubdtype(value.dtype, jnp.floating):
        raise TypeError(f"{what} must return a floating-point scalar, got {value!r}")
    if value.shape != ():
        raise ValueError(f"{what} must return a scalar, got {value.dtype}{list(value.shape)}: take its mean or its sum")
