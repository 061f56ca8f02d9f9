"""Softmax, its logarithm, its denominator, and its sparse sister."""

from ..activations._softmax import (
    log_softmax,
    log_softmax_reference,
    logsumexp,
    logsumexp_reference,
    softmax,
    softmax_reference,
)
from ..activations._sparsemax import sparsemax, sparsemax_reference
from ._entry import AXES, Edge, Entry, Example, inf

entries = [
    Entry(
        softmax, softmax_reference, AXES,
        [Edge(([0.0, 0.0],), [0.5, 0.5], ([0.0, 0.0],)), Edge(([1.0, -inf],), [1.0, 0.0], ([0.0, 0.0],)),
         Edge(([-inf, -inf],), [0.5, 0.5], ([0.0, 0.0],)), Edge(([inf, 3.0],), [1.0, 0.0], ([0.0, 0.0],)),
         Edge(([1e30, -1e30],), [1.0, 0.0], ([0.0, 0.0],))],
        saved=("y",),
    ),
    Entry(
        log_softmax, log_softmax_reference, AXES,
        [Edge(([1.0, -inf],), [0.0, -inf], ([-1.0, 1.0],)), Edge(([1e30, -1e30],), [0.0, -2e30], ([-1.0, 1.0],)),
         Edge(([inf, 3.0],), [0.0, -inf], ([-1.0, 1.0],))],
        saved=("y",),
    ),
    Entry(
        logsumexp, logsumexp_reference,
        [
            *(Example(e.args, e.options | {"keepdims": i % 2 == 1}) for i, e in enumerate(AXES) if e.args[0] != (3, 0)),
            Example(((),)), Example(((3, 5),)), Example(((2, 3),), {"keepdims": True}),
        ],
        [Edge(([-inf, -inf],), -inf, ([0.0, 0.0],)), Edge(([1.0, -inf],), 1.0, ([1.0, 0.0],)),
         Edge(([inf, 3.0],), inf, ([1.0, 0.0],)), Edge(([inf, inf],), inf, ([0.5, 0.5],)),
         Edge(([1e30, -1e30],), 1e30, ([1.0, 0.0],))],
        saved=(0, lambda x, axis=None, keepdims=False: 2 * x.sum(axis).size),
    ),
    Entry(
        sparsemax, sparsemax_reference,
        [e for e in AXES if isinstance(e.options["axis"], int)],
        [Edge(([0.0, 0.0],), [0.5, 0.5], ([0.0, 0.0],)), Edge(([2.0, 1.0],), [1.0, 0.0], ([0.0, 0.0],)),
         Edge(([-inf, -inf],), [0.5, 0.5], ([0.0, 0.0],)), Edge(([inf, 3.0],), [1.0, 0.0], ([0.0, 0.0],)),
         Edge(([inf, inf],), [0.5, 0.5], ([0.0, 0.0],)), Edge(([1e30, -1e30],), [1.0, 0.0], ([0.0, 0.0],))],
        saved=("y",),
    ),
]
