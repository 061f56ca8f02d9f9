"""Losses of vectors: which of them belong together."""

from jax import Array

from .. import rules
from .._arrays import of_arrays
from .._reduction import reduced, with_keys_out


@of_arrays
def triplet(
    anchor: Array,
    positive: Array,
    negative: Array,
    weight: Array | None = None,
    *,
    margin: float = 1.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    """``max(0, distance to the positive - distance to the negative + margin)``, ``[..., features]`` of all three."""
    rows = anchor, positive, negative
    return reduced(lambda *rows: rules.triplet(*rows, margin, eps, swap), rows, weight, reduction)


@of_arrays
def cosine_distance(
    prediction: Array, target: Array, weight: Array | None = None, *, eps: float = 1e-12, reduction: str = "mean"
) -> Array:
    """One minus the cosine of the angle between two vectors, ``[..., features]`` of both."""
    return reduced(lambda *rows: rules.cosine_distance(*rows, eps), (prediction, target), weight, reduction)


@of_arrays
def info_nce(
    query: Array, key: Array, weight: Array | None = None, *, temperature: float = 0.07, reduction: str = "mean"
) -> Array:
    """Cross-entropy of each query's own key among the keys of all rows, ``[..., n, features]`` of both.

    The key of a row of weight 0 is not among the keys of the other rows either.
    """
    rule = lambda query, key: rules.info_nce(*with_keys_out(query, key, weight), temperature)
    return reduced(rule, (query, key), weight, reduction)
