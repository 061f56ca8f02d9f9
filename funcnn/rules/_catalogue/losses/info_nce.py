"""What `rules/losses/_info_nce.py` declares."""

import math

from ... import info_nce
from .._entry import at, bad, call, rule

entries = [
    rule(
        info_nce,
        examples=[
            call(query=(3, 5), key=(3, 5), temperature=1.0),
            call(query=(2, 3, 2), key=(2, 3, 2), temperature=0.5),
            call(query=(1, 3), key=(1, 3), temperature=0.07),
            call(query=(5, 1), key=(5, 1), temperature=2),
            call(query=(0, 3, 2), key=(0, 3, 2), temperature=1.0),
            call(query=(3, 0), key=(3, 0), temperature=1.0),
        ],
        saves=["query", "key"],
        batched=["query", "key"],
        edges=[
            at(query=[[2.0]], key=[[3.0]], y=[0.0], query_bar=[[0.0]], key_bar=[[0.0]]),
            at(
                query=[[0.0], [0.0]],
                key=[[0.0], [0.0]],
                y=[math.log(2)] * 2,
                query_bar=[[0.0], [0.0]],
                key_bar=[[0.0], [0.0]],
            ),
            at(
                query=[[1e30], [-1e30]],
                key=[[1.0], [-1.0]],
                y=[0.0, 0.0],
                query_bar=[[0.0], [0.0]],
                key_bar=[[0.0], [0.0]],
            ),
        ],
        bad=[
            bad(ValueError, r"key must be \[3, 5\], the shape of query, got float64\[4, 5\]", query=(3, 5), key=(4, 5)),
            bad(ValueError, r"must be \[\.\.\., .*\], got float64\[\]", query=(), key=()),
            bad(ValueError, r"info_nce: query must be \[\.\.\., n, features\], got float64\[3\]", query=(3,), key=(3,)),
            bad(ValueError, "temperature must be a number above 0, got 0", query=(3, 5), key=(3, 5), temperature=0),
        ],
        large=call(query=(512, 256), key=(512, 256)),
    ),
]
