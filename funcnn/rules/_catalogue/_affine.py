"""Affine maps."""

from .. import _linear
from ._entry import Entry, Example

entries = [
    Entry(
        _linear.linear, _linear.linear_reference,
        [Example(shapes) for shapes in [
            ((3, 5), (5, 2), (2,)), ((3, 5), (5, 2), (1, 2)), ((3, 5), (5, 2), None), ((5,), (5, 2), (2,)),
            ((5,), (5, 2), (1, 2)), ((2, 3, 5), (5, 7), (7,)), ((2, 1, 3, 2), (2, 1), (1, 1)), ((5, 5), (5, 5), (5,)),
            ((0, 3), (3, 2), (2,)), ((3, 0), (0, 2), (2,)), ((3, 2), (2, 0), (0,)),
        ]],
        [], saved=(0, 1, 2),
    ),
]
