"""Convolutions."""

from ..spatial._conv import conv, conv_reference
from ._entry import Entry, Example

entries = [
    Entry(
        conv, conv_reference,
        [
            Example(((2, 7, 3), (3, 3, 5), (5,))),
            Example(((2, 7, 3), (4, 3, 2), None), {"stride": 2, "padding": "VALID"}),
            Example(((2, 7, 5, 3), (1, 2, 3, 4), (4,)), {"stride": (2, 1)}),
            Example(((1, 8, 7, 4), (3, 2, 2, 6), (6,)), {"groups": 2, "padding": ((2, 0), (1, 3))}),
            Example(((3, 9, 9, 3), (2, 3, 1, 6), None), {"groups": 3, "dilation": (2, 3), "stride": 2}),
            Example(((2, 5, 5, 1), (1, 1, 1, 1), (1,)), {"stride": 3}),
            Example(((2, 4, 5, 3, 2), (2, 1, 2, 2, 3), (3,)), {"stride": (1, 2, 1), "dilation": (2, 1, 1)}),
            Example(((0, 5, 2), (3, 2, 3), (3,))),
        ],
        [], saved=(0, 1, 2),
    ),
]
