"""Parameters that training leaves as they are."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import optax
from jax import lax

from ..._core import Params, PyTree
from ..._paths import dotted
from .._optimizer import as_optimizer


@partial(jax.tree_util.register_dataclass, data_fields=["inner"], meta_fields=["where"])
@dataclass(frozen=True)
class FrozenState:
    """The wrapped optimizer's state, which has nothing of the frozen leaves, and where these are."""

    inner: Any
    where: Callable[[PyTree], PyTree]


def frozen(optimizer: Any, where: Callable[[PyTree], PyTree]) -> optax.GradientTransformationExtraArgs:
    """The optimizer, which leaves the parameters at some paths as they are.

    They are neither updated nor decayed, and the optimizer's state has nothing of them. `fit` and `make_step` compute no
    gradient of them, and save no input for it.

    Args:
      optimizer: an optax optimizer, of the others.
      where: ``where(params) -> tree of bools``, such as ``fn.paths("body.**")``.

    Returns:
      An optimizer.

    Raises:
      TypeError: where is not a function.
      ValueError: in ``init``: it names no parameter, or all of them.

    Example:
      >>> model = serial(body=linear(8), head=linear(1))
      >>> optimizer = frozen(optax.adamw(1e-3), paths("body.**"))
      >>> state = TrainState.create(model, optimizer, jax.random.key(0), jnp.ones((4, 3)))
    """
    if not callable(where):
        raise TypeError(f'frozen: where must be a function such as fn.paths("body.**"), got {type(where).__name__}')
    others = lambda tree: jax.tree.map(lambda held: not held, where(tree))
    learned = optax.masked(as_optimizer(optimizer), others, mask_compatible_extra_args=True)
    still = optax.masked(optax.set_to_zero(), where)
    both = optax.chain(learned, still)

    def init(params) -> Any:
        held = jax.tree.leaves(where(params))
        if any(held) == all(held):
            leaves = jax.tree_util.tree_leaves_with_path(params)
            which = "every parameter" if any(held) else "no parameter"
            raise ValueError(f"frozen: where names {which} of {', '.join(dotted(path) for path, _ in leaves)}")
        return FrozenState(both.init(params), where)

    def update(updates, state: Any, params=None, **extra) -> tuple[Any, Any]:
        updates, inner = both.update(updates, state.inner, params, **extra)
        return updates, FrozenState(inner, where)

    return optax.GradientTransformationExtraArgs(init, update)


def held(params: Params, opt_state: PyTree) -> Params:
    """The parameters, of which those that an optimizer's state says are frozen count as constants."""
    of_ours = lambda node: isinstance(node, FrozenState)
    found: list[Any] = [node for node in jax.tree.leaves(opt_state, is_leaf=of_ours) if of_ours(node)]
    for node in found:
        params = jax.tree.map(lambda a, is_held: lax.stop_gradient(a) if is_held else a, params, node.where(params))
        params = held(params, node.inner)
    return params
