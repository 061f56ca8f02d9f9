"""Each example's own gradient: its norm, and the sum of all of them clipped, by two backward passes over the batch."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..._core import Params, PyTree
from ..._intercept import intercept
from ._formulas import square_of
from ._rules import marking, squaring
from ._single_use import slots_of

Objective = Callable[[Params, tuple[Any, ...], Any], jax.Array]


class Pulled(NamedTuple):
    """What the backward passes give.

    Attributes:
      norms: of each example's gradient, ``[n]``, in JAX's default dtype.
      weighted: ``weighted(w)``: the sum of the gradients with weights ``[n]``, in a second pass.
    """

    norms: jax.Array
    weighted: Callable[[jax.Array], Params]


def clipped_sum(
    objective: Objective, params: Params, batch: tuple[Any, ...], key: Any, clip: Any
) -> tuple[Params, int]:
    """The sum over the examples of their own gradients, each scaled down to the norm ``clip`` if it is longer; how many."""
    norms, weighted = pulled(objective, params, batch, key)
    return weighted(clip / jnp.maximum(norms, clip)), len(norms)


def pulled(objective: Objective, params: Params, batch: tuple[Any, ...], key: Any) -> Pulled:
    """The gradients of each example's own loss, of which none is formed that need not be.

    Args:
      objective: ``objective(params, batch, key) -> loss``; an example's is that of a batch of it alone.
      params: where.
      batch: pytrees of arrays with the examples along their first axis.
      key: split into one for each example; None for no noise.

    Raises:
      ValueError: the batch holds no examples, or a rule mixes them.
    """
    leaves, tree = jax.tree.flatten(params)
    n = examples_in(batch)
    keys = None if key is None else jax.random.split(key, n)

    def loss_of(leaves, batch, key):
        return objective(tree.unflatten(leaves), jax.tree.map(lambda a: a[None], batch), key)

    slots = _slots(loss_of, leaves, batch, keys)
    alone = [slot is not None for slot in slots]

    def one(singles, copies, token, batch, key):
        with intercept(squaring(slots, token)):
            return loss_of(_merged(alone, singles, copies), batch, key)

    singles = [a for a, is_alone in zip(leaves, alone, strict=True) if is_alone]
    copies = [jnp.broadcast_to(a, (n, *a.shape)) for a, is_alone in zip(leaves, alone, strict=True) if not is_alone]

    def each_loss(singles, copies, tokens):
        return jax.vmap(one, (None, 0, 0, 0, 0))(singles, copies, tokens, batch, keys)

    losses, pull = jax.vjp(each_loss, singles, copies, jnp.zeros(n))
    _, copies_bar, squares = pull(jnp.ones_like(losses))
    norms = jnp.sqrt(jnp.maximum(squares, 0) + jax.vmap(square_of, axis_size=n)(copies_bar))

    def weighted(weights):
        singles_bar = pull(weights.astype(losses.dtype))[0]
        sums = [jnp.tensordot(weights.astype(a.dtype), a, 1) for a in copies_bar]
        return tree.unflatten(_merged(alone, singles_bar, sums))

    return Pulled(norms, weighted)


def _slots(loss_of, leaves, batch, keys):
    """Where each parameter is used, in the program of one example."""
    first = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), (batch, keys))

    def marked(leaves, token, batch, key):
        with intercept(marking(token)):
            return loss_of(leaves, batch, key)

    return slots_of(jax.make_jaxpr(marked)(leaves, jnp.zeros(()), *first), len(leaves))


def _merged(alone: list[bool], singles: PyTree, copies: PyTree) -> list[Any]:
    singles, copies = iter(singles), iter(copies)
    return [next(singles if is_alone else copies) for is_alone in alone]


def examples_in(batch: tuple[Any, ...]) -> int:
    """How many examples a batch has.

    Raises:
      ValueError: its arrays have different numbers of them, or an array has none.
    """
    shapes = [jnp.shape(a) for a in jax.tree.leaves(batch)]
    if not all(shapes) or len({shape[0] for shape in shapes}) != 1:
        raise ValueError(f"batch must hold arrays with the examples along their first axes, got shapes {shapes}")
    return shapes[0][0]
