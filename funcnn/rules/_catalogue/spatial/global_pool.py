"""What `rules/spatial/_global_pool.py` declares."""

from math import inf, nan

from ... import global_avg_pool, global_max_pool
from .._arguments import line
from .._entry import IMAGES, at, bad, call, per_output, rule

_CALLS = [
    call(x=(2, 5, 3), keepdims=False),
    call(x=(3, 2, 7, 1), keepdims=True),
    call(x=(2, 2, 3, 2, 3), keepdims=False),
    call(x=(0, 5, 3), keepdims=False),
    call(x=(1, 1, 1, 4), keepdims=False),
    call(x=(2, 9, 2), keepdims=True),
]

entries = [
    rule(
        global_max_pool,
        examples=_CALLS,
        saves=[per_output("int32")],
        edges=[
            at(x=line(1.0, 2.0, 2.0), y=[[2.0]], x_bar=line(0.0, 1.0, 0.0)),
            at(x=line(-inf, -inf), y=[[-inf]], x_bar=line(1.0, 0.0)),
            at(x=line(inf, nan, nan), y=[[nan]], x_bar=line(0.0, 1.0, 0.0)),
        ],
        bad=[
            bad(ValueError, r"pool: x must be \[batch, \*space, channels\]", x=(3, 5)),
            bad(ValueError, "global_max_pool: x must be .* none of them empty", x=(1, 0, 3)),
        ],
        large=call(x=IMAGES),
    ),
    rule(
        global_avg_pool,
        examples=_CALLS,
        saves=[],
        edges=[
            at(x=line(inf, 1.0), y=[[inf]], x_bar=line(0.5, 0.5)),
            at(x=line(inf, -inf), y=[[nan]], x_bar=line(0.5, 0.5)),
        ],
        bad=[
            bad(ValueError, r"pool: x must be \[batch, \*space, channels\]", x=(3, 5)),
        ],
        large=call(x=IMAGES),
    ),
]
