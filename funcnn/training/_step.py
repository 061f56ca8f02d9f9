"""One step of training: gradient by the hand-written rules, update by the optimizer."""

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import jax
import optax

from .._core import Layer, PyTree, as_layer
from ._in_place import Places, gathering, in_place, places_of
from ._mesh import settled
from ._metrics import Sums
from ._objective import Batch, Loss, Metrics, Values, objective_of
from ._once import once
from ._optimizer import as_optimizer, judged, updated
from ._probes import UNPROBED, probed
from ._state import TrainState, require_kept, require_learnable, require_own_state, step_key
from .per_example._gradients import clipped_sum
from .wrappers._frozen import held


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

    With probes a row shows the mean of the norms of each step's gradient.
    """
    objective = objective_of(model, loss, metrics)
    complete = as_optimizer(optimizer)
    look = probed(objective.model) if probes else UNPROBED

    def take(state, batch):
        require_learnable(state.params)
        key = step_key(state)
        learned = lambda params, batch, key: objective(held(params, state.opt_state), batch, key)
        (value, others), gradient, seen = look.gradient(learned, state.params, batch, key)
        again = lambda params: learned(params, batch, key)[0]
        clipped = lambda clip: clipped_sum(lambda *at: learned(*at)[0], state.params, batch, key, clip)
        params, opt_state = updated(complete, state.opt_state, state.params, value, gradient, again, clipped)
        state = state._replace(params=params, opt_state=opt_state, step=state.step + 1)
        return state, objective.sums(value, others, batch) | seen

    def untaken(state, batch):
        return look.untaken(state.params, batch, step_key(state))

    def blamed(state, batch, results):
        return look.blamed(state.params, batch, step_key(state), results)

    def watched(state, losses):
        return judged(complete, state.opt_state, state.params, losses)

    return Step(take, objective.measure, untaken, objective.value, learning_rate, watched, blamed)


def learning_rate(state: TrainState) -> Values:
    """The learning rate of the state's last step, where `optax.inject_hyperparams` shows it."""
    of_optax = lambda node: isinstance(getattr(node, "hyperparams", None), dict)
    nodes = filter(of_optax, jax.tree.leaves(state.opt_state, is_leaf=of_optax))
    rates = [node.hyperparams["learning_rate"] for node in nodes if "learning_rate" in node.hyperparams]
    return {"learning_rate": rates[0]} if rates else {}
