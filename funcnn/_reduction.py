"""Losses weighted and reduced, and what is asked of weights and labels before."""

from numbers import Real

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer as _Tracer
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from .rules._common._checks import describe, is_array
from .rules.losses._labels import are_classes


def reduced(rule, rows, weight, reduction, counts=None):
    """A rule's losses of the rows, weighted and reduced; ``counts()`` are their weights in the mean, None for 1 each.

    The rule is given zeros for what has weight 0, so that no NaN and no infinity meets a 0 on the way back.
    """
    require_reduction(reduction)
    rows = _divided_alike(rows)
    if weight is not None:
        weight = _as_weight(weight)
        rows = [jnp.where(_beside(a, weight).astype(bool), a, 0) if hasattr(a, "shape") else a for a in rows]
    losses = rule(*rows)
    of_rows = counts() if counts else None  # of arguments that the rule has judged
    return jax.tree.map(lambda loss: _weighted(loss, weight, reduction, of_rows), losses)


def require_reduction(reduction):
    """Raise ValueError unless the reduction is one of three words."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def as_weights(weight, labels, dtype, ignore=None):
    """One weight a label, in float32 or wider: 0 for what is ignored; a weight of 0 has no gradient."""
    wide = jnp.dtype(dtype) if jnp.dtype(dtype).itemsize >= 4 else jnp.dtype(jnp.float32)
    weights = jnp.ones(labels.shape, wide)
    if weight is not None:
        weights = jnp.broadcast_to(_beside(labels, _as_weight(weight)), labels.shape).astype(wide)
        weights = jnp.where(weights == 0, 0, weights)
    return weights if ignore is None else jnp.where(labels == int(ignore), 0, weights)


def _divided_alike(rows):
    """Rows whose leading axis is divided over an Explicit mesh as that of the first one that is divided."""
    shardings = [jax.typeof(a).sharding if hasattr(a, "shape") and a.ndim else None for a in rows]
    leading = [s.spec[0] for s in shardings if s is not None and AxisType.Explicit in s.mesh.axis_types]
    along = next(filter(None, leading), None)
    if along is None:
        return rows
    alike = lambda a, s: jax.sharding.reshard(a, NamedSharding(s.mesh, P(along, *s.spec[1:])))
    return [a if s is None or s.mesh.empty or s.spec[0] else alike(a, s) for a, s in zip(rows, shardings, strict=True)]


def _weighted(loss, weight, reduction, counts):
    if weight is not None:
        weight = jnp.broadcast_to(_beside(loss, weight), loss.shape).astype(loss.dtype)
        loss, weight = (jnp.where(weight == 0, 0, a) for a in (loss * weight, weight))
        counts = weight if counts is None else counts * weight
    if reduction == "none":
        return loss
    if reduction == "sum":
        return jnp.sum(loss)
    if counts is None:
        return jnp.mean(loss)
    wide = loss.dtype if loss.dtype.itemsize >= 4 else jnp.float32  # a sum of float16 overflows long before its mean
    total = jnp.sum(counts, dtype=wide)
    return (jnp.sum(loss, dtype=wide) / jnp.where(total == 0, 1, total)).astype(loss.dtype)


def _as_weight(weight):
    """The weight as an array: a number is the weight of every loss."""
    if not hasattr(weight, "dtype") and not isinstance(weight, Real):
        raise TypeError(f"weight must be a number or an array, got {describe(weight)}")
    return jnp.asarray(weight)


def _beside(a, weight):
    """The weight of the leading axes of ``a``, with an axis of size 1 for each other axis."""
    if weight.shape != a.shape[: weight.ndim]:
        raise ValueError(f"weight must have the leading axes of {list(a.shape)}, got shape {list(weight.shape)}")
    return weight.reshape(weight.shape + (1,) * (a.ndim - weight.ndim))


def with_keys_out(query, key, weight):
    """Queries and keys with one more feature, which adds -3.6e9 to every similarity of a key of weight 0."""
    if weight is None or not hasattr(query, "shape") or not hasattr(key, "shape"):
        return query, key
    far = 6e4  # float16 holds it
    counts = _beside(key, _as_weight(weight)).astype(bool)
    out = jnp.where(counts, jnp.zeros_like(key[..., :1]), -far)
    return jnp.concatenate([query, jnp.full_like(query[..., :1], far)], -1), jnp.concatenate([key, out], -1)


def counts_of(logits, labels, class_weights, ignore):
    """Each row's weight in the mean: its class's weight, or 0 if it is ignored; None for 1 each."""
    if not are_classes(labels) or (class_weights is None and ignore is None):
        return None
    counts = jnp.ones(labels.shape, logits.dtype)
    if class_weights is not None:
        onehot = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
        counts = jnp.einsum("...k,k->...", onehot, class_weights, precision="highest")
    return counts if ignore is None else jnp.where(labels == int(ignore), 0, counts)


def require_labels(labels, logits, weight, ignore=None):
    """Raise ValueError for a label outside the classes that counts, unless a tracer, which has no values, decides.

    Raises:
      TypeError: the logits are not an array: a model may give what makes them, ``(x, w)``.
    """
    if not is_array(logits):
        raise TypeError(f"logits must be an array [..., classes], got {describe(logits)}")
    if isinstance(labels, _Tracer) or isinstance(weight, _Tracer) or not are_classes(labels):
        return
    labels, classes = np.asarray(labels), logits.shape[-1] if logits.ndim else 0
    outside = (labels < 0) | (labels >= classes)
    if ignore is not None:
        outside = outside & (labels != ignore)
    if weight is not None and np.shape(weight) == labels.shape[: np.ndim(weight)]:
        counts = np.asarray(weight) != 0
        outside = outside & counts.reshape(counts.shape + (1,) * (labels.ndim - counts.ndim))
    places = np.argwhere(outside)
    if len(places):
        place = tuple(map(int, places[0]))
        raise ValueError(f"labels must be class numbers from 0 to {classes - 1}, got {labels[place]} at {list(place)}")
