"""Train a model: a source of batches, a step, and those who watch."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import optax
from jax.sharding import Mesh

from .._calibration import has_statistics, unmeasured, warn_unmeasured
from .._core import Layer, Params, as_layer
from ..combinators import mixed as computed_in
from ._calibrate import calibrate
from ._data import require_count, warn_of_missing_channels
from ._history import History, later, timed
from ._in_place import places_of
from ._keeping import as_checkpointer, keeper_of
from ._map import Map, OnDevice, as_map, as_seen, mapped
from ._metrics import Metric, as_metrics
from ._objective import Loss
from ._once import once
from ._placement import Sharding, place
from ._plan import Plan
from ._run import train
from ._signals import deferred_signals
from ._sources import batches_of, source_of
from ._state import TrainState, require_fit
from ._step import placed_step
from ._together import require_same
from ._validation import validation as validating
from ._watchers import Watcher, as_watchers
from ._watching._progress import progress_of

_mixed = once(computed_in)


def fit(
    model: Layer,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    data: Any,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    key: Any = None,
    batch_size: int | None = None,
    state: TrainState | None = None,
    validation: Any = None,
    validate_every: int | None = None,
    metrics: Mapping[str, Metric | Callable[..., tuple[Any, Any]]] | None = None,
    checkpoint: Any = None,
    watch: Sequence[Watcher] = (),
    map: Map | OnDevice | None = None,
    mixed: Any = None,
    mesh: Mesh | None = None,
    sharding: Sharding | None = None,
    probes: bool = False,
    on_nonfinite: str = "raise",
    progress: bool = True,
) -> tuple[TrainState, History]:
    """Train a model on arrays, or on batches of anything that gives them.

    Arrays are shuffled anew each epoch, in an order that depends on the state's key and the epoch alone. A batch of all
    examples takes them as given. The last, shorter batch is used too.

    Batches are trained on as they come, in shapes that may differ. A thread of its own reads two of them ahead. Those of a
    list are there already: it is taken as it lies, and must not change. If the data fail, or training does, the steps
    before are kept. No batch is read that no step is going to take, unless a watcher ends training.

    The same model, loss and optimizer are compiled once, however often they are passed. That is for the same objects: a
    function that reads what has changed since is to be made anew.

    Args:
      model: a layer, or a plain function.
      loss: ``loss(prediction, *targets)`` to a scalar, such as those in `funcnn.losses`, or to a scalar and a dict of
        further ones, each a column of the history. One with an argument ``params`` is handed the parameters, for penalties.
      optimizer: an optax optimizer.
      data: ``(inputs, *targets)``, arrays or pytrees of arrays with the examples along their first axis. What NumPy can
        convert is converted: arrays of pandas, of PyTorch. Or batches, each such a tuple: an iterable, which is iterated
        anew each epoch (a list, a DataLoader, a tf.data or grain dataset). Or a function to one, of no argument or of the
        epoch's number. An iterator is one epoch, or endless: then steps say where to end.
      epochs: how many epochs are to end, each once through the data. If the state is in the middle of one, that is the
        first of them. Its remaining batches are taken.
      steps: how many steps to take; either these or epochs.
      key: a `jax.random.key`, from which parameters, order and noise are drawn; None beside a state, which has its own.
      batch_size: examples a step; None takes all of them at once, not shuffled.
      state: where to go on from: what an earlier call returned, or an error carried. None starts anew. In the middle of an
        epoch it needs the same data and batch size. Batches that were trained on in it are read and left out, but an
        iterator's are taken from where it stands. It is not donated.
      validation: data like ``data``, but no iterator. The loss and every metric are measured on them after each row of the
        history, without noise. A batch norm is calibrated before, on up to 4,096 of the inputs that are trained on, or on
        the first batch of an iterator.
      validate_every: how many steps make a row of the history, after which validation follows; None makes it an epoch.
      metrics: by name, functions ``(prediction, *targets) -> (sum, weight)`` or a `Metric`, such as those in
        `funcnn.metrics`.
      checkpoint: a directory, or a `Checkpointer` with settings. The run is saved there every minute, at its end, on any
        exception, on Ctrl-C and on SIGTERM, after the step under way. The same call goes on from there to the same bits.
        More epochs or steps go on, too; epochs and steps count from the run's beginning.
      map: a function of a batch, done on the host to what the data give, while the step before runs; or `on_device` of
        one. If it has an argument ``key``, it gets a key that depends on the state's key and the step alone. Validation
        goes without it.
      watch: functions of a `Moment`, shown to them after each row at the latest. One that returns True ends training.
      mixed: a dtype to compute in, such as ``jnp.bfloat16``, while parameters stay as they are: `funcnn.mixed`.
      mesh: devices to train on, with an axis ``"data"`` over which each batch is divided; ``batch_size`` must be a multiple
        of its size. The last, shorter batch may be none, and is then taken whole by every device. In several processes, see
        `distributed`, each is given the same data, and each example is taken once.
      sharding: how parameters and the optimizer's state are divided over the mesh, such as ``fn.fsdp()``: see `place`. None
        keeps them whole on every device.
      probes: whether to look into the backward pass, at a pass over each output and gradient: `make_step` says at what.
      on_nonfinite: ``"raise"``, or ``"skip"`` to leave out updates that are not finite, by `optax.apply_if_finite`, whose
        state counts them.
      progress: whether to show a progress bar.

    Returns:
      The final state, and a history: arrays by column, with an entry a row. A row is an epoch, or ``validate_every`` steps.
      Steps that are left over at the end make a last, shorter row. The columns are

      - ``step`` and ``epoch``: how many had ended;
      - ``loss``, the metrics: means over the row's batches, each weighted by its size;
      - with probes ``gradient_norm``, of each layer too, and where NaN or inf came about;
      - ``learning_rate``, where `optax.inject_hyperparams` shows it;
      - ``seconds`` since training began, and ``examples_per_second``;
      - with batches ``compilations``: how often the step was compiled, once for each shape;
      - with validation ``val_loss`` and ``val_`` with each metric's name.

    Warns:
      UserWarning: a batch norm has statistics that were never measured: `calibrate` comes after training. Or square images
        ``[n, s, s]`` without channels are taken for sequences. Or batches have more than 8 shapes, or are read and left
        out. Or the run in the checkpoint was finished, and is returned as it is; or its last checkpoint is damaged, and
        the one before is used.

    Raises:
      TypeError, ValueError: an argument is not as described, or the data or the state do not fit the model; nothing has
        been compiled yet, but for a batch that comes later. Or the checkpoint is of another run: of another key, batch
        size, length of the data or model.
      OSError: a checkpoint cannot be written; the error says how many bytes are needed and free.
      RuntimeError: another process saves into the directory.
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
    if mesh is None and sharding is not None:
        raise TypeError("sharding says how arrays lie on a mesh: pass mesh=jax.make_mesh((8,), ('data',)), say")
    source = source_of(data, batch_size, as_map(map), mesh)
    require_end(epochs, steps)
    checkpointer = as_checkpointer(checkpoint)
    inputs = jax.eval_shape(partial(as_seen, map), source.data)[0] if isinstance(map, OnDevice) else source.data[0]
    if mixed is not None:
        model = _mixed(model, mixed)
    optimizer = _guarded(optimizer, on_nonfinite)
    given = model, optimizer, key, inputs, mesh, sharding
    state = _created(*given) if state is None else _taken_up(state, *given)
    step = placed_step(places_of(state), model, loss, optimizer, as_metrics(metrics), probes)
    warn_of_missing_channels(as_layer(model), inputs)

    plan = Plan(
        epochs=None if epochs is None else int(state.position.epoch) + epochs,
        steps=None if steps is None else int(state.step) + steps,
        interval=None if validate_every is None else require_count("validate_every", validate_every, low=1),
        row_by_row=validation is not None or bool(watch),
        pauses=(checkpointer.every_steps,) if checkpointer and checkpointer.every_steps else (),
    )
    trained = mapped(step, map.function) if isinstance(map, OnDevice) else step
    completed = [timed(), *source.columns(trained)]
    if validation is not None:
        ready = _calibrating(as_layer(model), state.params, source, map)
        completed.append(validating(step, batches_of("validation", validation, batch_size), ready))
    shown = progress and jax.process_index() == 0
    watchers = *as_watchers(watch), *([progress_of(plan.epochs, plan.steps)] if shown else [])
    keeper = keeper_of(checkpointer, source, watchers)
    begun = keeper.begin(state)
    completed.insert(0, later(begun.seconds))
    with deferred_signals(checkpointer is not None) as raise_signals:
        state, history = train(source, trained, begun, plan, completed, watchers, keeper, raise_signals)
    if paths := unmeasured(state.params):
        warn_unmeasured(paths)
    return state, history


def _created(model, optimizer, key, inputs, mesh, sharding) -> TrainState:
    """A new state, on the mesh if there is one."""
    if mesh is None:
        return TrainState.create(model, optimizer, key, inputs)
    require_same("key", key)
    like = jax.eval_shape(lambda x: x, inputs)
    return place(lambda: TrainState.create(model, optimizer, key, like), mesh, sharding)


def _taken_up(state, model, optimizer, key, inputs, mesh, sharding) -> TrainState:
    """The state, if it fits, on the mesh if there is one."""
    if key is not None:
        raise TypeError(f"key must be None beside a state, which has a key of its own, got {type(key).__name__}")
    require_fit(state, model, optimizer, inputs)
    return state if mesh is None else place(state, mesh, sharding)


def _calibrating(model, params, source, map) -> Callable[[Params], Params]:
    """A function that calibrates a model with statistics on what training takes, and leaves another as it is."""
    some = [as_seen(map, batch)[0] for batch in source.some()] if has_statistics(params) else []
    return partial(calibrate, model, batches=some) if some else lambda params: params


def require_end(epochs: int | None, steps: int | None) -> None:
    """Raise unless exactly one of the two is given, and is a number."""
    if (epochs is None) == (steps is None):
        raise TypeError(f"fit takes either epochs or steps, got epochs={epochs!r} and steps={steps!r}")
    name, value = ("epochs", epochs) if steps is None else ("steps", steps)
    require_count(name, value, low=0)


@once
def _skipping(optimizer):
    return optax.apply_if_finite(optimizer, np.iinfo(np.int32).max)


def _guarded(optimizer, on_nonfinite):
    """The optimizer, which leaves out what is not finite if it is asked to."""
    if on_nonfinite not in ("raise", "skip"):
        raise ValueError(f'on_nonfinite must be "raise" or "skip", got {on_nonfinite!r}')
    return optimizer if on_nonfinite == "raise" else _skipping(optimizer)
