"""Transposed convolutions, pools, and what else changes the number of places."""

import numpy as np

from ..spatial._adaptive_avg_pool import adaptive_avg_pool, adaptive_avg_pool_reference
from ..spatial._conv_transpose import conv_transpose, conv_transpose_reference
from ..spatial._global_pool import (
    global_avg_pool,
    global_avg_pool_reference,
    global_max_pool,
    global_max_pool_reference,
)
from ..spatial._pixel_shuffle import pixel_shuffle, pixel_shuffle_reference, pixel_unshuffle, pixel_unshuffle_reference
from ..spatial._pool import avg_pool, avg_pool_reference, max_pool, max_pool_reference
from ..spatial._upsample import upsample, upsample_reference
from ._entry import Edge, Entry, Example, inf, nan


def _line(*values):
    """One example with one spatial axis and one channel."""
    return [[[v] for v in values]]


_POOLS = [
    Example(((2, 6, 3),), {"window": 2}),
    Example(((1, 5, 4, 2),), {"window": (3, 2), "stride": (2, 1), "padding": "SAME"}),
    Example(((2, 5, 7, 1),), {"window": 3, "stride": 2}),
    Example(((1, 4, 3, 5, 2),), {"window": (2, 3, 2), "padding": ((1, 0), (0, 0), (2, 1))}),
    Example(((2, 9, 2),), {"window": 4, "stride": 1, "padding": ((-1, 2),)}),
    Example(((0, 5, 3),), {"window": 2}),
    Example(((3, 1, 1, 2),), {"window": 1}),
]
_GLOBAL = [
    Example((shape,), {"keepdims": keepdims})
    for shape, keepdims in
    [((2, 5, 3), False), ((3, 2, 7, 1), True), ((2, 2, 3, 2, 3), False), ((0, 5, 3), False), ((1, 1, 1, 4), False), ((2, 9, 2), True)]
]

entries = [
    Entry(
        conv_transpose, conv_transpose_reference,
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
    Entry(
        max_pool, max_pool_reference, _POOLS,
        [
            Edge((_line(1.0, 1.0, 0.0, 2.0),), _line(1.0, 2.0), (_line(1.0, 0.0, 0.0, 1.0),), {"window": 2}),
            Edge((_line(0.0, 3.0, 3.0),), _line(3.0, 3.0), (_line(0.0, 2.0, 0.0),), {"window": 2, "stride": 1}),
            Edge((_line(-inf, -inf, inf, inf),), _line(-inf, inf), (_line(1.0, 0.0, 1.0, 0.0),), {"window": 2}),
            Edge((_line(1.0, nan, nan, 1.0, nan, nan),), _line(nan, nan, nan), (_line(0.0, 1.0, 1.0, 0.0, 1.0, 0.0),), {"window": 2}),
            Edge((_line(-inf, 1.0, 2.0),), _line(-inf, 2.0), (_line(0.0, 0.0, 1.0),), {"window": 2, "padding": ((1, 0),)}),
            Edge((_line(1.0),), _line(-inf, 1.0), (_line(1.0),), {"window": 1, "padding": ((1, 0),)}),
            Edge(([[[[1.0], [2.0]], [[2.0], [2.0]]]],), [[[[2.0]]]], ([[[[0.0], [1.0]], [[0.0], [0.0]]]],), {"window": 2}),
        ],
        saved=(np.dtype("uint8"),),
    ),
    Entry(
        avg_pool, avg_pool_reference,
        [Example(e.args, e.options | {"count_padding": c}) for i, e in enumerate(_POOLS) for c in ((True, False) if 0 < i < 5 else (True,))],
        [
            Edge((_line(inf, 1.0, nan, 1.0),), _line(inf, nan), (_line(0.5, 0.5, 0.5, 0.5),), {"window": 2}),
            Edge((_line(3.0),), _line(0.0, 3.0), (_line(1.0),), {"window": 1, "padding": ((1, 0),), "count_padding": False}),
            Edge((_line(3.0, 5.0),), _line(3.0, 4.0), (_line(1.5, 0.5),), {"window": 2, "stride": 1, "padding": ((1, 0),), "count_padding": False}),
            Edge((_line(3.0, 5.0),), _line(1.5, 4.0), (_line(1.0, 0.5),), {"window": 2, "stride": 1, "padding": ((1, 0),)}),
        ],
        saved=(),
    ),
    Entry(
        global_max_pool, global_max_pool_reference, _GLOBAL,
        [
            Edge((_line(1.0, 2.0, 2.0),), [[2.0]], (_line(0.0, 1.0, 0.0),)),
            Edge((_line(-inf, -inf),), [[-inf]], (_line(1.0, 0.0),)),
            Edge((_line(inf, nan, nan),), [[nan]], (_line(0.0, 1.0, 0.0),)),
        ],
        saved=(np.dtype("int32"),),
    ),
    Entry(
        global_avg_pool, global_avg_pool_reference, _GLOBAL,
        [Edge((_line(inf, 1.0),), [[inf]], (_line(0.5, 0.5),)), Edge((_line(inf, -inf),), [[nan]], (_line(0.5, 0.5),))],
        saved=(),
    ),
    Entry(
        adaptive_avg_pool, adaptive_avg_pool_reference,
        [
            Example((shape,), {"sizes": sizes})
            for shape, sizes in [
                ((2, 5, 3), 3), ((2, 3, 4, 2), (1, 3)), ((1, 7, 2, 3), 3), ((1, 3, 2, 4, 2), (2, 2, 1)), ((0, 5, 3), 2), ((2, 9, 1), 9),
            ]
        ],
        [Edge((_line(1.0, 2.0, 6.0),), _line(1.5, 4.0), (_line(0.5, 1.0, 0.5),), {"sizes": 2}),
         Edge((_line(1.0, inf, 3.0, 5.0),), _line(inf, nan), (_line(0.5, 0.5, 0.5, 0.5),), {"sizes": 2})],
        saved=(),
    ),
    Entry(
        upsample, upsample_reference,
        [
            Example((shape,), {"factor": factor, "method": method})
            for shape, factor in [
                ((2, 5, 3), 2), ((1, 3, 2, 2), (3, 2)), ((1, 2, 1, 3, 2), (2, 3, 1)), ((0, 5, 3), 2), ((2, 1, 3), 4), ((2, 7, 1), 5),
            ]
            for method in ("nearest", "linear")
        ],
        [Edge((_line(0.0, 4.0),), _line(0.0, 1.0, 3.0, 4.0), (_line(2.0, 2.0),), {"factor": 2, "method": "linear"}),
         Edge((_line(1.0, inf, nan),), _line(1.0, 1.0, inf, inf, nan, nan), (_line(2.0, 2.0, 2.0),), {"factor": 2}),
         Edge((_line(1.0, 2.0, inf),), _line(nan, nan, nan, inf, inf, inf), (_line(2.0, 2.0, 2.0),), {"factor": 2, "method": "linear"})],
        saved=(),
    ),
    Entry(
        pixel_shuffle, pixel_shuffle_reference,
        [
            Example((shape,), {"factor": factor})
            for shape, factor in [
                ((2, 5, 6), 2), ((1, 3, 2, 12), (3, 2)), ((2, 2, 1, 4), 2), ((1, 2, 3, 1, 6), (1, 3, 2)), ((0, 5, 4), 4), ((2, 7, 1), 1),
            ]
        ],
        [], saved=(),
    ),
    Entry(
        pixel_unshuffle, pixel_unshuffle_reference,
        [
            Example((shape,), {"factor": factor})
            for shape, factor in [
                ((2, 6, 3), 2), ((1, 6, 4, 2), (3, 2)), ((2, 4, 2, 1), 2), ((1, 2, 3, 4, 1), (1, 3, 2)), ((0, 5, 4), 5), ((2, 7, 1), 1),
            ]
        ],
        [], saved=(),
    ),
]  # fmt: skip
