"""What `rules/affine/_embedding.py` declares."""

from math import nan

from ... import embedding
from .._arguments import Classes, ints
from .._entry import ROWS, at, bad, call, rule

entries = [
    rule(
        embedding,
        examples=[
            call(ids=Classes((5,), 3), table=(3, 4)),
            call(ids=Classes((3, 9), 7), table=(7, 2)),
            call(ids=Classes((2, 5), 4), table=(4, 3), padding_id=3),
            call(ids=Classes((), 5), table=(5, 3)),
            call(ids=Classes((2, 1, 3), 1), table=(1, 2)),
            call(ids=Classes((0, 3), 4), table=(4, 2)),
            call(ids=Classes((7,), 4), table=(4, 1), padding_id=0),
            call(ids=Classes((3, 2), 5), table=(5, 0)),
        ],
        saves=["ids", "table"],
        edges=[
            at(ids=2, table=[[1.0], [2.0]], y=[nan], table_bar=[[0.0], [0.0]]),
            at(ids=-1, table=[[1.0], [2.0]], y=[nan], table_bar=[[0.0], [0.0]]),
            at(ids=[1, 1], table=[[1.0], [2.0]], y=[[2.0], [2.0]], table_bar=[[0.0], [2.0]]),
            at(ids=[1, 0], table=[[1.0], [2.0]], padding_id=1, y=[[2.0], [1.0]], table_bar=[[1.0], [0.0]]),
        ],
        bad=[
            bad(TypeError, r"embedding: ids must be an array of integers, got float64\[3\]", ids=(3,), table=(5, 2)),
            bad(ValueError, r"table must be \[rows, features\], got float64\[5\]", ids=ints(3), table=(5,)),
            bad(ValueError, "padding_id must be an int from 0 to 4 or N", ids=ints(3), table=(5, 2), padding_id=-1),
        ],
        large=call(ids=Classes((ROWS,), 4096), table=(4096, 512)),
    ),
]
