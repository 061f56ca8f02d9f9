"""Optax's optimizers, each offered all that any of them asks for."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from .._core import Params, PyTree
from .._forward import forward

Optimizer = optax.GradientTransformationExtraArgs
_OFFERS = ("value", "grad", "value_fn", "grad_fn", "obj_fn", "clipped_sum"), ("grad_fn",), ()


def as_optimizer(optimizer: Any) -> Optimizer:
    """The optimizer, with an update that takes what any of them needs, and hands on what this one takes.

    Raises:
      TypeError: it has not what an optax optimizer has.
    """
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise TypeError(f"optimizer must be an optax optimizer, got {type(optimizer).__name__}: optax.sgd(0.1), say")
    if isinstance(optimizer, optax.GradientTransformation):
        optimizer = optax.with_extra_args_support(optimizer)
    update: Any = partial(_update, optimizer.update)
    return Optimizer(optimizer.init, update)  # optax.MultiSteps is no transformation


def updated(
    optimizer: Optimizer,
    opt_state: PyTree,
    params: Params,
    value: jax.Array,
    gradient: Params,
    loss: Callable[[Params], jax.Array],
    clipped_sum: Callable[[float], tuple[Params, int]],
) -> tuple[Params, PyTree]:
    """Parameters and optimizer state after an update, both of the types that they had.

    Line searches compute in JAX's default dtype, float32 or with x64 float64, whatever the parameters have. So the loss
    takes parameters in any dtype and is handed on in that one.

    Args:
      optimizer: one of `as_optimizer`.
      opt_state, params: before the update.
      value, gradient: of the loss at params.
      loss: ``loss(params) -> scalar``.
      clipped_sum: ``clipped_sum(clip) -> (sum, n)``: of the n examples' own gradients, each clipped to that norm.

    Raises:
      TypeError: the optimizer needs what a step of training does not have.
    """
    require_trainable(opt_state)

    def value_fn(params_of_any_dtype, grad_fn=None, obj_fn=None, clipped_sum=None):
        # A line search hands on all keywords that it does not know, and insists that they be taken.
        del grad_fn, obj_fn, clipped_sum
        return _default(loss(jax.tree.map(_like, params, params_of_any_dtype)))

    offered = {
        "value": _default(value),
        "grad": gradient,
        "value_fn": value_fn,
        "grad_fn": lambda params, step=None: jax.grad(value_fn)(params),
        "obj_fn": forward(value_fn),  # of which sophia takes a Hessian-vector product
        "clipped_sum": clipped_sum,
    }
    updates, opt_state = optimizer.update(gradient, opt_state, params, **offered)
    return optax.apply_updates(params, updates), opt_state


def _update(update, gradient, opt_state, params=None, **offered):
    """The first update that takes what it is offered: some take no more than they know."""
    for names in _OFFERS:
        try:
            return update(gradient, opt_state, params, **{name: offered[name] for name in names if name in offered})
        except TypeError as error:
            if not names or "unexpected keyword argument" not in str(error):
                raise
    raise AssertionError("the last offer is empty")


def require_trainable(opt_state: PyTree) -> None:
    """Raise TypeError for the state of an optimizer that needs what a step of training does not have."""
    for node in jax.tree.leaves(opt_state, is_leaf=lambda node: type(node) in _UNFIT):
        if type(node) in _UNFIT:
            raise TypeError(f"optimizer must train one set of parameters by one gradient: {_UNFIT[type(node)]}")


_UNFIT = {
    optax.LookaheadState: "optax.lookahead trains a pair of them, LookaheadParams(fast, slow)",
    optax.contrib.DifferentiallyPrivateAggregateState: "optax.contrib.dpsgd takes a gradient of each example",
}


def judged(optimizer: Optimizer, opt_state: PyTree, params: Params, losses: PyTree) -> dict[str, PyTree]:
    """What a NaN or inf in it is a fault of, by name.

    That is all, but for two. One is what the optimizer starts as inf by design, such as the best loss so far. The other is
    the losses of an optimizer that passes over gradients that are not finite.
    """
    still = jax.tree.map(_unless_infinite, opt_state, optimizer.init(params))
    skips = any(map(_skips, jax.tree.leaves(opt_state, is_leaf=_skips)))
    return {"params": params, "opt_state": still} | ({} if skips else {"loss": losses})


def _skips(node):
    """Whether it is the state of an optimizer that passes over gradients that are not finite."""
    if isinstance(node, optax.MultiStepsState):
        return bool(jax.tree.leaves(node.skip_state))
    return isinstance(node, (optax.ApplyIfFiniteState, optax.ZeroNansState))


def _unless_infinite(a, start):
    return jnp.where(jnp.isfinite(start), a, 0) if jnp.issubdtype(a.dtype, jnp.inexact) else a


def _like(a, new):
    """New values of a parameter, in its dtype; its own where a mask hides it from the optimizer."""
    return a if isinstance(new, optax.MaskedNode) else new.astype(a.dtype)


def _default(value):
    """In JAX's default dtype, or a wider one."""
    default = jnp.result_type(float)
    return value if value.dtype.itemsize >= default.itemsize else value.astype(default)
