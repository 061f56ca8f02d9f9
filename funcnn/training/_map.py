"""What is done to a batch before it is trained on, such as augmentation: on the host, or on the device in the step."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from ._objective import Batch
from ._once import once
from ._step import Step

Map = Callable[..., Any]


class OnDevice(NamedTuple):
    """A function of a batch that is compiled into the step."""

    function: Map


def on_device(function: Map) -> OnDevice:
    """The function, as `fit`'s ``map``, compiled into the training step, where it runs on the device.

    Args:
      function: ``function(batch) -> batch`` of JAX arrays; or ``function(batch, key)``, with an argument of that name.

    Example:
      >>> def noisy(batch, key):
      ...     x, y = batch
      ...     return x + 0.1 * jax.random.normal(key, x.shape), y
      >>> data = jnp.eye(2), jnp.array([[1.0], [0.0]])
      >>> state, history = fit(linear(1), losses.squared_error, optax.sgd(0.1), data, map=on_device(noisy),
      ...                      epochs=3, key=jax.random.key(0), progress=False)
    """
    if not callable(function):
        raise TypeError(f"on_device: function must be a function of a batch, got {type(function).__name__}")
    return OnDevice(function)


def map_key(key: jax.Array, step: Any) -> jax.Array:
    """The key for the map of the batch of a step: a function of the state's key and the step alone."""
    return jax.random.fold_in(jax.random.fold_in(key, 2), step)


compiled_key = jax.jit(map_key)


def with_key(function: Map) -> Callable[..., Any]:
    """The function, of a batch and of a function to the key, which is called if it has an argument ``key``."""
    try:
        takes_key = "key" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # of what C wrote
        takes_key = False
    return (lambda batch, key: function(batch, key=key())) if takes_key else (lambda batch, key: function(batch))


@once
def mapped(step: Step, function: Map) -> Step:
    """The step that does this to each batch before it trains on it. Outside of training it does not."""
    apply = with_key(function)

    def take(state, batch):
        return step.take(state, apply(batch, lambda: map_key(state.key, state.step)))

    def measure(params, batch: Batch, key=None):
        return step.measure(params, batch if key is None else apply(batch, lambda: key), key)

    return step._replace(take=take, measure=measure)


def as_map(map: Any) -> Map | OnDevice | None:
    """The argument, if it is what `fit` takes."""
    if map is None or callable(map) or isinstance(map, OnDevice):
        return map
    raise TypeError(f"map must be a function of a batch, or on_device(function), got {type(map).__name__}")


def as_seen(map: Map | OnDevice | None, batch: Batch) -> Batch:
    """A batch of a source as the model sees it in training, by a key of no step."""
    if not isinstance(map, OnDevice):
        return batch
    return jax.jit(lambda batch: with_key(map.function)(batch, lambda: jax.random.key(0)))(batch)
