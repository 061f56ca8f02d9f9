"""Training data, checked before anything is compiled."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import as_arrays
from .._core import Layer, PyTree
from .._warn import warn
from ..rules._common._checks import is_int


def as_data(data: Any, what: str = "data") -> tuple[Any, ...]:
    """The data as a tuple (inputs, *targets) of pytrees of NumPy's and JAX's arrays.

    Raises:
      TypeError: data is not a tuple, or a leaf is not an array.
    """
    if not isinstance(data, (tuple, list)) or not data:
        raise TypeError(f"{what} must be a tuple (inputs, *targets), got {type(data).__name__}")
    return as_arrays(what, tuple(data))


def rows(tree: PyTree, which: slice | np.ndarray) -> PyTree:
    """Some of the examples."""
    return jax.tree.map(lambda a: a[which], tree)


def examine(data: tuple[Any, ...], what: str = "data", finite: bool = True) -> int:
    """The number of examples in the data, which they have along axis 0.

    Raises:
      TypeError: a leaf is not an array of numbers.
      ValueError: a leaf has no axis, is empty, has another length than the first, or holds NaN or inf where it must be
        ``finite``. A target may hold them where the last of several targets, a weight, is 0.
    """
    leaves = jax.tree_util.tree_leaves_with_path(data)
    lengths = {}
    for path, leaf in leaves:
        name = what + jax.tree_util.keystr(path)
        _require_numbers(name, leaf)
        if finite:
            _require_finite(name, leaf, data[-1] if 0 < path[0].idx < len(data) - 1 else None)
        lengths[name] = leaf.shape[0]
    (first, n), *others = lengths.items()
    for name, length in others:
        if length != n:
            raise ValueError(f"{name} must have as many examples as {first}, {n}, got {length}")
    return n


def warn_of_missing_channels(model: Layer, inputs: PyTree) -> None:
    """Warn if the model slides along one axis of ``[n, s, s]`` and would slide along two of ``[n, s, s, 1]``."""
    shape = getattr(inputs, "shape", ())
    if len(shape) != 3 or shape[1] != shape[2]:
        return

    def ranks(*shape):
        params = jax.eval_shape(model.init, jax.random.key(0), jax.ShapeDtypeStruct(shape, inputs.dtype))
        return [leaf.ndim for leaf in jax.tree.leaves(params)]

    try:
        slides_along_two = ranks(*shape, 1) != ranks(*shape)
    except Exception:  # whatever a model says to images that it does not take
        return
    if slides_along_two:
        warn(
            f"data[0] is {inputs.dtype}{list(shape)}, and a convolution whose window is one number takes it for sequences, "
            "with channels along the last axis: pass images as x[..., None], and for sequences write window=(3,), say"
        )


def _require_numbers(name, leaf):
    if not hasattr(leaf, "dtype") or not hasattr(leaf, "shape"):
        raise TypeError(f"{name} must be an array, got {type(leaf).__name__}: convert it with numpy.asarray")
    what = f"{leaf.dtype}{list(leaf.shape)}"
    if not (jnp.issubdtype(leaf.dtype, jnp.number) or leaf.dtype == bool):
        raise TypeError(f"{name} must hold numbers, got {what}")
    if not leaf.shape:
        raise ValueError(f"{name} must have a first axis of examples, got {what}")
    if 0 in leaf.shape:
        raise ValueError(f"{name} must not be empty, got {what}")


def _require_finite(name, leaf, weight):
    if not jnp.issubdtype(leaf.dtype, jnp.inexact):
        return
    values = np.asarray(leaf)
    finite = np.isfinite(values)
    if finite.all():  # known sooner than places are looked for
        return
    wrong = np.argwhere(~finite)
    if hasattr(weight, "shape") and weight.shape == leaf.shape[: weight.ndim]:
        wrong = wrong[np.asarray(weight)[tuple(wrong.T[: weight.ndim])] != 0]
    if len(wrong):
        place = tuple(map(int, wrong[0]))
        raise ValueError(f"{name} must be finite, got {values[place]} at {list(place)}")


def require_count(name: str, value, low: int, high: int | None = None) -> int:
    """The value, if it is an int in range."""
    if not is_int(value):
        raise TypeError(f"{name} must be an int, got {value!r}")
    if value < low or (high is not None and value > high):
        limit = f"at least {low}" if high is None else f"from {low} to {high}, the number of examples"
        raise ValueError(f"{name} must be {limit}, got {value}")
    return int(value)
