"""An average of the parameters over the steps, for evaluation."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ..._core import Params
from ...rules._common._checks import require_number
from ...rules._common._precision import widen
from .._optimizer import as_optimizer
from .._state import TrainState


class EmaState(NamedTuple):
    """The wrapped optimizer's state, and the average after so many steps, float32 or wider."""

    inner: Any
    steps: jax.Array
    average: Params


def ema(optimizer: Any, decay: float, *, debias: bool = True) -> optax.GradientTransformationExtraArgs:
    """The optimizer, with an exponential moving average of the parameters in its state; `averaged` takes it out.

    After each update the average moves towards the new parameters by ``1 - decay`` of the difference. The average is
    float32 where parameters are of half precision, in which such small moves would be lost.

    Args:
      optimizer: an optax optimizer. The average of `optax.MultiSteps` moves at each small step too; as the optimizer of
        `optax.MultiSteps`, ``ema`` moves at each update.
      decay: from 0 to below 1; 0.999 averages over about the last thousand steps.
      debias: whether the average is one of the parameters after each update only, as Adam's are. False counts the
        parameters at the start as if they had been there always.

    Returns:
      An optimizer.

    Raises:
      TypeError, ValueError: decay is not such a number.

    Example:
      >>> optimizer = ema(optax.adam(1e-3), 0.999)
      >>> state = TrainState.create(linear(1), optimizer, jax.random.key(0), jnp.ones((4, 3)))
      >>> params = averaged(state).params

    Source:
      Polyak & Juditsky, "Acceleration of stochastic approximation by averaging", 1992; Kingma & Ba, "Adam: a method for
      stochastic optimization", 2015, section 3, for the bias.
    """
    require_number("ema", "decay", decay, "from 0 to below 1", lambda v: 0 <= v < 1)
    inner = as_optimizer(optimizer)

    def init(params):
        return EmaState(inner.init(params), jnp.zeros((), jnp.int32), jax.tree.map(widen, params))

    def update(updates, state, params=None, **extra):
        if params is None:
            raise ValueError("ema: update needs the parameters, got None")
        updates, inner_state = inner.update(updates, state.inner, params, **extra)
        steps = jnp.asarray(optax.safe_increment(state.steps))
        share = (1 - decay) / (1 - decay ** steps.astype(float)) if debias else 1 - decay
        after = optax.apply_updates(params, updates)
        average = jax.tree.map(lambda a, p: a + (share * (widen(p) - a)).astype(a.dtype), state.average, after)
        return updates, EmaState(inner_state, steps, average)

    return optax.GradientTransformationExtraArgs(init, update)


def averaged(state: TrainState) -> TrainState:
    """The state with the average of `ema` as its parameters, for evaluation: training goes on from the state itself.

    Parameters that the average leaves out, where `frozen` stands around it, are as they are.

    Raises:
      ValueError: the state's optimizer has no average, or several.

    Example:
      >>> state = TrainState.create(linear(1), ema(optax.sgd(0.1), 0.9), jax.random.key(0), jnp.ones((4, 3)))
      >>> averaged(state).params["w"].shape
      (3, 1)
    """
    nodes = jax.tree.leaves(state.opt_state, is_leaf=lambda node: isinstance(node, EmaState))
    found = [node.average for node in nodes if isinstance(node, EmaState)]
    if len(found) != 1:
        raise ValueError(f"averaged: the state's optimizer must have one average, of funcnn.ema, got {len(found)}")
    masked = lambda a: isinstance(a, optax.MaskedNode)
    mean = lambda p, a: p if masked(a) else jnp.array(a, p.dtype)
    return state._replace(params=jax.tree.map(mean, state.params, found[0]))
