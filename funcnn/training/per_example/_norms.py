"""The norm of each example's own gradient, for a model and a loss."""

from collections.abc import Callable
from typing import Any

import jax

from ..._core import Layer, Params, as_layer
from .._objective import as_loss
from .._once import once
from ._gradients import pulled


def example_gradient_norms(
    model: Layer, loss: Callable[..., Any], params: Params, batch: tuple[Any, ...], *, key: jax.Array | None = None
) -> jax.Array:
    """The Euclidean norm of the gradient of each example's own loss, over all parameters.

    An example's loss is that of a batch of it alone, in training. The norms come from one backward pass over the whole
    batch: where one rule's call uses a weight, from the factors of its gradient. Other gradients are formed, for each
    example: those of a parameter that is used elsewhere too (`shared`, or in a function without a rule), and those that
    are smaller than the factors.

    Args:
      model: a layer, or a plain function.
      loss: as `funcnn.fit` takes it.
      params: the model's parameters.
      batch: ``(inputs, *targets)``, arrays or pytrees of arrays with the examples along their first axis.
      key: for layers that draw random numbers in training: each example's noise is drawn from a key of its own.

    Returns:
      ``[examples]``, in JAX's default dtype.

    Raises:
      ValueError: a layer mixes the examples of a batch, as `batch_norm` does.

    Example:
      >>> x, y = jnp.array([[1.0, 2.0], [0.0, 0.0]]), jnp.zeros((2, 1))
      >>> params = {"w": jnp.array([[1.0], [1.0]])}
      >>> norms = example_gradient_norms(linear(1, bias=False), losses.squared_error, params, (x, y))
      >>> norms.round(3).tolist()  # 2 · 3 · √5
      [13.416, 0.0]

    Source:
      Goodfellow, "Efficient per-example gradient computations", 2015.
    """
    return _compiled(model, loss)(params, batch, key)


@once
def _compiled(model, loss):
    model, loss_of = as_layer(model), as_loss(loss)

    def objective(params, batch, key):
        inputs, *targets = batch
        return loss_of(params, model.apply(params, inputs, key=key, training=True), *targets)[0]

    return jax.jit(lambda *at: pulled(objective, *at).norms)
