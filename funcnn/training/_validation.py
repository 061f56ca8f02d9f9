"""What a model is worth on data that it is not trained on, after each row of the history."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import Params, PyTree
from ._mesh import explicit_mesh, inside, on_mesh, settled
from ._metrics import Sums
from ._objective import Batch, Values
from ._once import once
from ._step import Step
from ._watchers import Moment
from .streams._reading import naming

Batches = Callable[[], Iterable[Batch]]


def validation(step: Step, batches: Batches, ready: Callable[[Params], Params]) -> Callable[[Moment], Moment]:
    """A function that adds to a moment's row the columns of validation, ``val_loss`` and one a metric.

    Args:
      step: whose loss and metrics are measured, as outside of training.
      batches: gives an iterator over all of the data.
      ready: makes parameters ready for use outside of training: `calibrate`, where a model needs it. The moment's state
        has them from then on.
    """

    empty: dict[str, np.ndarray] = {}  # the columns without rows, once they are known

    def add(moment):
        goes_on = not moment.spent and int(moment.state.step) > 0  # and may end where it stands
        if moment.rows or goes_on:
            moment = moment._replace(state=moment.state._replace(params=ready(moment.state.params)))
        if moment.rows:
            row = measured(step, moment.state.params, batches())
            columns = {f"val_{name}": np.asarray(a)[None] for name, a in row.items()}
            return moment._replace(values=moment.values | columns)
        if not empty:
            first = next(iter(batches()))
            with naming(0, "validation"):
                row = jax.eval_shape(lambda params: step.value(step.measure(params, first)), moment.state.params)
            empty.update({f"val_{name}": np.zeros((0, *a.shape), a.dtype) for name, a in row.items()})
        return moment._replace(values=moment.values | empty)

    return add


def measured(step: Step, params: Params, batches: Iterable[Batch], what: str = "validation") -> Values:
    """The loss and the metrics over all batches, as outside of training; ``what`` is the argument that they came by."""
    measure, total, mesh = compiled_measure(step), None, explicit_mesh(params)
    for number, batch in enumerate(batches):
        with naming(number, what), inside(mesh):
            sums = settled(measure(*on_mesh(mesh, (params, batch))))
        total = sums if total is None else _sum(total, sums)
    if total is None:
        raise ValueError(f"{what} must have at least one batch, got none")
    return jax.tree.map(np.asarray, step.value(total))


@once
def compiled_measure(step: Step) -> Callable[[Params, Batch], dict[str, Sums]]:
    """The step's measure outside of training, compiled once for the same step."""
    return jax.jit(lambda params, batch: step.measure(params, batch))


@jax.jit
def _sum(a: Any, b: Any) -> PyTree:
    return jax.tree.map(jnp.add, a, b)
