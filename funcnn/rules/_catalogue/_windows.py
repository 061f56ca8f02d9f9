"""Transposed convolutions, pools, and what else changes the number of places."""

from .. import _conv_transpose
from ._entry import Entry, Example

entries = [
    Entry(
        _conv_transpose.conv_transpose, _conv_transpose.conv_transpose_reference,
        [
            Example(((2, 4, 3), (3, 3, 5), (5,)), {"stride": 2}),
            Example(((2, 3, 2, 3), (2, 3, 3, 2), None), {"stride": (2, 1), "padding": "VALID"}),
            Example(((1, 3, 2, 4), (3, 2, 2, 6), (6,)), {"groups": 2, "padding": ((1, 0), (2, 3)), "stride": 3}),
            Example(((2, 5, 5, 2), (2, 3, 1, 4), None), {"groups": 2, "dilation": (2, 3), "stride": 2}),
            Example(((2, 1, 3), (2, 3, 2), (2,)), {"stride": 5, "padding": "VALID"}),
            Example(((2, 7, 3), (4, 3, 2), (2,))),
            Example(((1, 2, 3, 2, 2), (2, 1, 2, 2, 3), (3,)), {"stride": (1, 2, 1), "dilation": (2, 1, 1)}),
            Example(((0, 5, 2), (3, 2, 3), (3,))),
            Example(((2, 6, 1), (3, 1, 1), (1,)), {"padding": ((-1, 0),), "stride": 2}),
        ],
        [], saved=(0, 1, 2),
    ),
]  # fmt: skip
