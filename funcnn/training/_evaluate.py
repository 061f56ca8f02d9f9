"""What a trained model is worth on data."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import optax

from .._calibration import unmeasured, warn_unmeasured
from .._core import Layer, Params
from ._data import require_count
from ._in_place import on_its_mesh
from ._metrics import Metric, as_metrics
from ._objective import Batch, Loss
from ._predict import params_of
from ._sources import batches_of
from ._state import TrainState
from ._step import plain_step
from ._validation import measured
from .streams._iterables import Passes, are_batches
from .streams._reading import once_through

_STILL = optax.set_to_zero()


def evaluate(
    model: Layer,
    params: Params | TrainState,
    loss: Loss,
    data: Any,
    *,
    batch_size: int | None = None,
    metrics: Mapping[str, Metric | Callable[..., tuple[Any, Any]]] | None = None,
) -> dict[str, Any]:
    """The loss and the metrics of a model outside of training, as `fit` measures them in validation.

    The loss is the mean over the batches, each weighted by its size. A metric is that of all examples at once. The same
    model, loss and metrics are compiled once for each shape of a batch. A shorter last batch is measured as it is: a loss
    does not say what each example adds to it.

    Args:
      model: a layer, or a plain function.
      params: its parameters, or a training state that has them. On a mesh they may be divided, as `fit` leaves them.
      loss: such as `fit` takes.
      data: ``(inputs, *targets)``, arrays or pytrees of arrays with the examples along their first axis. Or batches of it:
        an iterator, a loader, or a function that gives an iterator.
      batch_size: examples a batch; None takes all at once. None for batches, which have their own.
      metrics: by name, such as `fit` takes.

    Returns:
      ``{"loss": …}``, and one entry a metric: a float, or a NumPy array where a metric is one.

    Warns:
      UserWarning: a batch norm has statistics that were never measured: `calibrate` comes after training.

    Raises:
      TypeError, ValueError: an argument is not as described, or the data do not fit the model.

    Example:
      >>> x, y = jnp.eye(2), jnp.array([0, 1])
      >>> results = evaluate(lambda x: 2 * x, (), losses.softmax_cross_entropy, (x, y), metrics={"right": metrics.accuracy})
      >>> round(results["loss"], 4), results["right"]
      (0.1269, 1.0)
    """
    params = params_of(params)
    if paths := unmeasured(params):
        warn_unmeasured(paths)
    step = plain_step(on_its_mesh(model, params), loss, _STILL, as_metrics(metrics))
    row = measured(step, params, _batches(data, batch_size), "data")
    return {
        name: row[name] if row[name].ndim else row[name].item() for name in ("loss", *sorted(row.keys() - {"loss"}))
    }


def _batches(data: Any, batch_size: int | None) -> Iterable[Batch]:
    if not are_batches(data):
        size = None if batch_size is None else require_count("batch_size", batch_size, low=1)
        return batches_of("data", data, size)()
    if batch_size is not None:
        raise TypeError(f"batch_size must be None where data are batches already, got {batch_size!r}")
    return once_through(Passes(data))
