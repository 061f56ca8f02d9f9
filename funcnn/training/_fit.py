"""Train on arrays: whole epochs inside one compiled loop."""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .._core import Layer, as_layer
from ._data import examine, require_count
from ._epochs import compiler_options, train_epochs
from ._faults import NonFiniteError, first_fault
from ._state import TrainState, step_key
from ._step import Loss, plain_step, require_scalar

_DISPATCH_SECONDS = 0.25  # how much work to hand to the device at once: small enough for a lively progress bar

History = dict[str, np.ndarray]


def fit(
    model: Layer,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    data: tuple[Any, ...],
    *,
    epochs: int,
    key: Any = None,
    batch_size: int | None = None,
    state: TrainState | None = None,
    progress: bool = True,
) -> tuple[TrainState, History]:
    """Train a model on arrays.

    The examples are shuffled anew each epoch, in an order that depends on the state's key and the epoch alone. The last,
    shorter batch is used too.

    Args:
      model: a layer, or a plain function.
      loss: ``loss(prediction, *targets) -> scalar``, such as those in `funcnn.losses`.
      optimizer: an optax optimizer.
      data: ``(inputs, *targets)``, arrays or pytrees of arrays with the examples along their first axis.
      epochs: how many times to go through the data.
      key: a `jax.random.key`, from which parameters, order and noise are drawn; not needed with a state.
      batch_size: examples a step; None takes all of them at once.
      state: where to go on from, such as the state that an earlier call returned; None starts anew. It is not donated.
      progress: whether to show a progress bar.

    Returns:
      The final state, and a history: ``history["loss"]`` has one value an epoch, the mean of its batches' losses, each
      weighted by its size.

    Raises:
      TypeError, ValueError: an argument is not as described, or the data do not fit the model; nothing has been
        compiled yet.
      NonFiniteError: the loss or a parameter became NaN or inf. Like every exception that ends training, Ctrl-C's too,
        it carries the last good state and the history that led there as ``state`` and ``history``.

    Example:
      >>> x, y = jnp.eye(2), jnp.array([[1.0], [0.0]])
      >>> state, history = fit(
      ...     linear(1), losses.squared_error, optax.sgd(0.1), (x, y), epochs=3, key=jax.random.key(0), progress=False)
      >>> history["loss"].shape
      (3,)
    """
    n = examine(data)
    require_count("epochs", epochs, low=0)
    batch_size = n if batch_size is None else require_count("batch_size", batch_size, low=1, high=n)
    model = as_layer(model)
    good = TrainState.create(model, optimizer, key, data[0]) if state is None else state
    losses = jnp.zeros((epochs,), _try_on_shapes(model, loss, good, data))

    step = plain_step(model, loss, optimizer)
    run = jax.jit(train_epochs(step, n, batch_size), compiler_options=compiler_options(good, batch_size))
    data = jax.tree.map(jnp.asarray, tuple(data))
    done = 0
    bar = _progress_bar(epochs, progress)
    try:
        for count in _dispatches(epochs):
            after, after_losses, finite = run(good, losses, data, done, count)
            if not finite:
                message, good, losses, done = first_fault(run, step, good, losses, data, done, batch_size)
                raise NonFiniteError(message)
            good, losses, done = after, after_losses, done + count
            bar.set_postfix(loss=f"{losses[done - 1]:.4g}", refresh=False)
            bar.update(count)
    except BaseException as error:
        vars(error).update(state=good, history={"loss": np.asarray(losses[:done])})
        raise
    finally:
        bar.close()
    return good, {"loss": np.asarray(losses)}


def _try_on_shapes(model, loss, state, data):
    """Run model and loss on shapes alone, so that whatever does not fit is said now; the dtype of the loss.

    The targets are at hand while the prediction is only a shape: a loss can look at their values (labels in range).
    """
    inputs, *targets = data

    def trial(params, inputs):
        value = loss(model.apply(params, inputs, key=step_key(state), training=True), *targets)
        require_scalar(value)
        return value

    return jax.eval_shape(trial, state.params, inputs).dtype


def _dispatches(epochs):
    """How many epochs to run at a time: one at first, then as many as take about the time that a dispatch should."""
    done, count = 0, 1
    while done < epochs:
        count = min(count, epochs - done)
        start = time.perf_counter()
        yield count
        seconds = time.perf_counter() - start
        done += count
        count = max(1, min(8 * count, int(count * _DISPATCH_SECONDS / seconds)))


def _progress_bar(epochs, show):
    from tqdm.auto import tqdm  # here, because importing it takes longer than importing this library

    return tqdm(total=epochs, unit="epoch", disable=not show)
