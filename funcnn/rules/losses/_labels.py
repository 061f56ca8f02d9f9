"""Class numbers: what they must be, and how they name an entry of each row."""

import jax
import jax.numpy as jnp
from jax.sharding import AxisType

from .._common._checks import are_integers, describe, is_array, is_int, require_floating, require_shape


def are_classes(labels) -> bool:
    """Whether labels are class numbers, not weights of all classes."""
    return are_integers(labels)


def onehot(labels, like):
    """True at each row's class, [..., classes]; False throughout for a number outside the classes."""
    labels = roomy(labels)
    return jax.lax.broadcasted_iota(labels.dtype, like.shape, like.ndim - 1) == labels[..., None]


def entry(labels, a):
    """The entry of each row of ``a`` at its class, [..., 1]; 0 for a number outside the classes."""
    if AxisType.Explicit in jax.typeof(a).sharding.mesh.axis_types:  # where a gather must be told how a is divided
        return jnp.sum(jnp.where(onehot(labels, a), a, 0), axis=-1, keepdims=True)
    ids = roomy(labels)[..., None]
    return jnp.take_along_axis(a, ids, axis=-1, mode="fill", fill_value=0, wrap_negative_indices=False)


def inside(labels, like):
    """Whether each number is one of the classes."""
    labels = roomy(labels)
    return (labels >= 0) & (labels < like.shape[-1])


def require_rows(rule: str, name: str, rows) -> None:
    """Raise TypeError unless the rows are floating, ValueError unless they have at least one class."""
    require_floating(rule, **{name: rows})
    some = jnp.ndim(rows) >= 1 and rows.shape[-1] > 0
    require_shape(rule, name, rows, "[..., classes] with at least one class", some)


def require_class_numbers(rule: str, labels) -> None:
    """Raise TypeError unless labels are class numbers."""
    if not are_classes(labels):
        cast = ": labels.astype('int32')" if is_array(labels) else ""
        raise TypeError(f"{rule}: labels must be class numbers, an array of integers, got {describe(labels)}{cast}")


def require_classes(rule: str, labels, rows) -> None:
    """Raise TypeError or ValueError unless labels are a class number for each of the rows."""
    require_class_numbers(rule, labels)
    expected = f"{list(rows.shape[:-1])}, a class number a row"
    if labels.shape == rows.shape:
        expected += f" (onehot labels are distributions: labels.astype({str(rows.dtype)!r}))"
    require_shape(rule, "labels", labels, expected, labels.shape == rows.shape[:-1])


def require_ignore(rule: str, labels, ignore) -> None:
    """Raise TypeError or ValueError unless ``ignore`` is a number that a class number can be."""
    if not is_int(ignore):
        raise TypeError(f"{rule}: ignore must be a class number or None, got {ignore!r}")
    if are_classes(labels) and not jnp.iinfo(labels.dtype).min <= ignore <= jnp.iinfo(labels.dtype).max:
        raise ValueError(f"{rule}: ignore must be a number that labels of {labels.dtype} can hold, got {ignore}")


def roomy(labels):
    """The labels in an integer dtype that can count the classes, however many there are."""
    return labels.astype(jnp.int32) if labels.dtype.itemsize < 4 else labels
