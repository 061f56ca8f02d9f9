"""Train a model: a source of batches, a step, and those who watch."""

from itertools import chain
from typing import Any

import optax

from .._calibration import unmeasured, warn_unmeasured
from .._core import Layer, as_layer
from ._data import require_count, warn_of_missing_channels
from ._sources import source_of
from ._state import TrainState, require_fit
from ._step import Loss, plain_step
from ._watchers import History, join, keep_history, progress_bar


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

    The examples are shuffled anew each epoch, in an order that depends on the state's key and the epoch alone. A batch of
    all examples takes them as given. The last, shorter batch is used too.

    The same model, loss and optimizer are compiled once, however often they are passed. That is for the same objects: a
    function that reads what has changed since is to be made anew.

    Args:
      model: a layer, or a plain function.
      loss: ``loss(prediction, *targets) -> scalar``, such as those in `funcnn.losses`.
      optimizer: an optax optimizer.
      data: ``(inputs, *targets)``, arrays or pytrees of arrays with the examples along their first axis. What NumPy can
        convert is converted: arrays of pandas, of PyTorch.
      epochs: how many epochs are to end, each once through the data. If the state is in the middle of one, that is the
        first of them. Its remaining batches are taken.
      key: a `jax.random.key`, from which parameters, order and noise are drawn; None beside a state, which has its own.
      batch_size: examples a step; None takes all of them at once, not shuffled.
      state: where to go on from: what an earlier call returned, or an error carried. None starts anew. In the middle of an
        epoch it needs the same data and batch size. It is not donated.
      progress: whether to show a progress bar.

    Returns:
      The final state, and a history. ``history["loss"]`` has one value an epoch. It is the mean over the batches that this
      call took in it, each weighted by its size.

    Warns:
      UserWarning: a batch norm has statistics that were never measured: `calibrate` comes after training. Or square images
        ``[n, s, s]`` without channels are taken for sequences.

    Raises:
      TypeError, ValueError: an argument is not as described, or the data or the state do not fit the model; nothing has
        been compiled yet.
      NonFiniteError: the loss, a parameter or the optimizer's state became NaN or inf. What the optimizer starts as inf by
        design is left out. So is the loss with an optimizer that passes over gradients that are not finite, such as
        `optax.apply_if_finite`. Every exception that ends training, Ctrl-C's too, carries the last good state as ``state``.
        The history that led there is its ``history``.

    Example:
      >>> x, y = jnp.eye(2), jnp.array([[1.0], [0.0]])
      >>> state, history = fit(
      ...     linear(1), losses.squared_error, optax.sgd(0.1), (x, y), epochs=3, key=jax.random.key(0), progress=False)
      >>> history["loss"].shape
      (3,)
    """
    source = source_of(data, batch_size)
    data = source.data
    require_count("epochs", epochs, low=0)
    step = plain_step(model, loss, optimizer)
    if state is None:
        state = TrainState.create(model, optimizer, key, data[0])
    elif key is not None:
        raise TypeError(f"key must be None beside a state, which has a key of its own, got {type(key).__name__}")
    else:
        require_fit(state, model, optimizer, data[0])
    warn_of_missing_channels(as_layer(model), data[0])

    parts: list[History] = []
    try:
        moments = source.train(step, state, epochs)
        before = next(moments)  # what does not fit raises here, before there is a bar
        with progress_bar(epochs, progress) as bar:
            watchers = keep_history(parts), bar
            for moment in chain([before], moments):
                state = moment.state
                for watch in watchers:
                    watch(moment)
    except BaseException as error:
        if parts:
            vars(error).update(state=state, history=join(parts))
        raise
    if paths := unmeasured(state.params):
        warn_unmeasured(paths)
    return state, join(parts)
