"""Train on arrays: whole epochs inside one compiled loop."""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from .._core import Layer, as_layer
from ._data import epoch_order, examine, require_count
from ._state import TrainState, step_key
from ._step import Loss, plain_step, require_scalar

_DISPATCH_SECONDS = 0.25  # how much work to hand to the device at once: small enough for a lively progress bar

History = dict[str, np.ndarray]


class NonFiniteError(FloatingPointError):
    """The loss or a parameter became NaN or inf; ``state`` is the last good state, ``history`` what led there."""

    state: TrainState
    history: History


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
    run = jax.jit(_epochs(step, n, batch_size), compiler_options=_compiler_options(good, batch_size))
    data = jax.tree.map(jnp.asarray, tuple(data))
    done = 0
    bar = _progress_bar(epochs, progress)
    try:
        for count in _dispatches(epochs):
            after, after_losses, finite = run(good, losses, data, done, count)
            if not finite:
                message, good, losses, done = _first_fault(run, step, good, losses, data, done, batch_size)
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


def _compiler_options(state, batch_size):
    """On a CPU, no threads for matrix products that are done sooner than a thread wakes up."""
    weights = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    small = jax.default_backend() == "cpu" and weights * batch_size < 1_000_000
    return {"xla_cpu_multi_thread_eigen": False} if small else None


def _epochs(step, n, batch_size):
    """A function that trains for ``count`` epochs and writes their losses from index ``done`` on; ``count`` may vary."""

    def run(state, losses, data, done, count):
        def epoch(i, carry):
            state, losses = carry
            state, loss = one_epoch(state, data)
            return state, losses.at[i].set(loss)

        state, losses = lax.fori_loop(done, done + count, epoch, (state, losses))
        return state, losses, _all_finite((state, losses))

    def one_epoch(state, data):
        def on_rows(state, rows):
            state, metrics = step(state, _rows(data, rows))
            return state, metrics["loss"]

        if batch_size == n:
            state, metrics = step(state, data)
            return state, metrics["loss"]
        order = epoch_order(state, n, batch_size)
        whole = n - n % batch_size
        state, losses = lax.scan(on_rows, state, order[:whole].reshape(-1, batch_size))
        if whole == n:
            return state, jnp.mean(losses)
        state, last = on_rows(state, order[whole:])
        return state, (jnp.sum(losses) * batch_size + last * (n - whole)) / n

    return run


def _rows(data, rows):
    return jax.tree.map(lambda a: a.at[rows].get(mode="promise_in_bounds"), data)


def _first_fault(run, step, state, losses, data, done, batch_size):
    """Go from the last good state through the epochs one by one, and through the faulty one step by step.

    Returns:
      What happened, and the last good state, with its losses and the number of epochs before it.
    """
    while done < len(losses):
        after, after_losses, finite = run(state, losses, data, done, 1)
        if not finite:
            break
        state, losses, done = after, after_losses, done + 1

    n = jax.tree.leaves(data)[0].shape[0]
    order = np.arange(n) if batch_size == n else epoch_order(state, n, batch_size)
    step = jax.jit(step)
    for start in range(0, n, batch_size):
        after, metrics = step(state, _rows(data, order[start : start + batch_size]))
        fault = _name_fault({"loss": metrics["loss"], "params": after.params, "opt_state": after.opt_state})
        if fault:
            return f"{fault} at step {state.step} (epoch {done})", state, losses, done
        state = after
    return f"a value became NaN or inf in epoch {done}", state, losses, done


def _name_fault(values):
    for path, leaf in jax.tree_util.tree_leaves_with_path(values):
        if not _all_finite(leaf):
            bad = np.asarray(leaf)[~np.isfinite(np.asarray(leaf))].flat[0]
            return f"{jax.tree_util.keystr(path, simple=True, separator='.')} became {bad}"
    return None


def _all_finite(tree):
    floating = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.array([jnp.isfinite(leaf).all() for leaf in floating]).all()


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
