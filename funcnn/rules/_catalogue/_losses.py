"""Losses."""

import math

from .. import _losses
from ._entry import Classes, Edge, Entry, Example, Simplex, inf, nan

entries = [
    Entry(
        _losses.squared_error, _losses.squared_error_reference,
        [Example((shape, shape)) for shape in [(), (7,), (3, 5), (2, 1, 3), (0, 3)]],
        [Edge((1.0, 1.0), 0.0, (0.0, 0.0)), Edge((inf, 0.0), inf, (inf, -inf))],
        saved=(0, 1), batched=2,
    ),
    Entry(
        _losses.softmax_cross_entropy, _losses.softmax_cross_entropy_reference,
        [
            *(Example((shape, Classes(shape[:-1], shape[-1]))) for shape in [(5,), (3, 5), (2, 3, 7), (4, 1), (0, 3)]),
            *(Example((shape, Simplex(shape))) for shape in [(5,), (3, 5), (2, 3, 7), (4, 1), (0, 3)]),
            Example(((3, 5), (3, 5))),
        ],
        [Edge(([1.0, -inf], 0), 0.0, ([0.0, 0.0], None)), Edge(([1e30, -1e30], 0), 0.0, ([0.0, 0.0], None)),
         Edge(([1.0, -inf], 1), inf, ([1.0, -1.0], None)), Edge(([0.0, 0.0], 2), nan, (None, None)),
         Edge(([0.0, 0.0], -1), nan, (None, None)), Edge(([2.0, -inf], [1.0, 0.0]), 0.0, ([0.0, 0.0], None))],
        saved=(0, 1, "row"), batched=2,
    ),
    Entry(
        _losses.sigmoid_cross_entropy, _losses.sigmoid_cross_entropy_reference,
        [Example((shape, Simplex(shape))) for shape in [(7,), (3, 5), (2, 1, 3), (0, 3)]],
        [Edge((inf, 1.0), 0.0, (0.0, None)), Edge((-inf, 0.0), 0.0, (0.0, None)), Edge((1e30, 1.0), 0.0, (0.0, None)),
         Edge((inf, 0.0), inf, (1.0, None)), Edge((0.0, 0.5), math.log(2), (0.0, 0.0))],
        saved=(0, 1), batched=2,
    ),
]
