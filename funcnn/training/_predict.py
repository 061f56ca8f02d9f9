"""What a trained model says of many inputs, batch by batch."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import as_arrays
from .._calibration import unmeasured, warn_unmeasured
from .._core import Layer, Params, PyTree
from ._data import require_count, rows
from ._in_place import on_its_mesh
from ._mesh import explicit_mesh, inside, on_mesh, settled
from ._once import once
from ._state import TrainState, require_kept
from ._together import whole
from .streams._iterables import Passes, are_batches


def predict(model: Layer, params: Params | TrainState, x: PyTree, *, batch_size: int | None = None) -> PyTree:
    """The model's value outside of training, for inputs that need not fit on the device together.

    A batch that is shorter than one before it is filled up by repeating its last example, so the model is compiled once.
    What was filled up is dropped. So an example's value must not depend on others, and its first axis is the examples'.
    The same model is compiled once, however often it is passed.

    Args:
      model: a layer, or a plain function.
      params: its parameters, or a training state that has them. On a mesh they may be divided, as `fit` leaves them.
      x: inputs, an array or a pytree of arrays with the examples along their first axis. Or batches of inputs: an iterator,
        a loader, or a function that gives an iterator.
      batch_size: examples a batch; None takes all at once. None for batches, which have their own.

    Returns:
      NumPy arrays ``[examples, ...]``, in the structure of the model's value.

    Warns:
      UserWarning: a batch norm has statistics that were never measured: `calibrate` comes after training.

    Raises:
      TypeError, ValueError: an argument is not as described; there is no example; a value has not the examples along its
        first axis.

    Example:
      >>> model = linear(2)
      >>> x = jnp.ones((5, 3))
      >>> predict(model, model.init(jax.random.key(0), x), x, batch_size=2).shape
      (5, 2)
    """
    params = params_of(params)
    if paths := unmeasured(params):
        warn_unmeasured(paths)
    run = _compiled(on_its_mesh(model, params))
    values, waiting = [], None  # the device computes the next value while one is fetched
    for batch, n in _filled(batches_of_inputs(x, batch_size)):
        mesh = explicit_mesh((params, batch))
        with inside(mesh):
            y = settled(run(*on_mesh(mesh, (params, jax.tree.map(jnp.asarray, batch)))))
        if waiting is not None:
            values.append(_fetched(*waiting))
        waiting = y, n, len(jax.tree.leaves(batch)[0])
    assert waiting is not None
    return jax.tree.map(lambda *parts: np.concatenate(parts), *values, _fetched(*waiting))


def params_of(params: Params | TrainState) -> Params:
    """The parameters themselves, or those of a state.

    Raises:
      RuntimeError: the state was donated.
    """
    if isinstance(params, TrainState):
        require_kept(params)
        return params.params
    return params


def batches_of_inputs(x: Any, batch_size: int | None) -> Iterator[PyTree]:
    """The inputs in batches, in their order; the last of arrays may be shorter."""
    if are_batches(x):
        if batch_size is not None:
            raise TypeError(f"batch_size must be None where x is batches, got {batch_size!r}")
        return (as_arrays(f"x batch {i}", batch) for i, batch in enumerate(Passes(x, "x").open(0).iterator))
    x = as_arrays("x", x)
    n = _count("x", x)
    if batch_size is None:
        return iter([x])
    size = require_count("batch_size", batch_size, low=1)
    x = jax.tree.map(np.asarray, x)
    return (rows(x, slice(i, i + size)) for i in range(0, n, size))


@once
def _compiled(model: Layer) -> Callable[[Params, PyTree], PyTree]:
    return jax.jit(lambda params, x: model.apply(params, x))


def _filled(batches: Iterator[PyTree]) -> Iterator[tuple[PyTree, int]]:
    """Each batch, filled up to the size of the largest before it, and how many examples it has."""
    size = 0
    for i, batch in enumerate(batches):
        n = _count(f"x batch {i}", batch)
        size = max(size, n)
        yield (batch if n == size else rows(batch, np.minimum(np.arange(size), n - 1))), n


def _count(what: str, x: PyTree) -> int:
    """How many examples there are along the first axis of every array."""
    lengths = {what + jax.tree_util.keystr(path): np.shape(a)[:1] for path, a in jax.tree_util.tree_leaves_with_path(x)}
    if not lengths:
        raise ValueError(f"{what} must hold an array, got none")
    first, n = next(iter(lengths.items()))
    for name, length in lengths.items():
        if length in {(), (0,)}:
            raise ValueError(f"{name} must have a first axis of at least one example, got shape {list(length)}")
        if length != n:
            raise ValueError(f"{name} must have as many examples as {first}, {n[0]}, got {length[0]}")
    return n[0]


def _fetched(y: PyTree, n: int, size: int) -> PyTree:
    """The values of the n examples of a batch of that size, as NumPy arrays."""
    for path, a in jax.tree_util.tree_leaves_with_path(y):
        if a.shape[:1] != (size,):
            name = "the model's value" + jax.tree_util.keystr(path)
            raise ValueError(f"{name} must have {size} examples along its first axis, got {a.dtype}{list(a.shape)}")
    return jax.tree.map(lambda a: np.asarray(whole(a))[:n], y)
