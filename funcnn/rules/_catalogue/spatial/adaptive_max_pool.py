"""What `rules/spatial/_adaptive_max_pool.py` declares."""

from math import inf, nan

from ... import adaptive_max_pool
from .._arguments import ints, line
from .._entry import BINS, IMAGES, at, bad, call, per_output, rule

entries = [
    rule(
        adaptive_max_pool,
        examples=BINS,
        saves=[per_output("int32")],
        edges=[
            at(x=line(1.0, 6.0, 2.0), sizes=2, y=line(6.0, 6.0), x_bar=line(0.0, 2.0, 0.0)),
            at(x=line(1.0, 1.0, 0.0, 2.0), sizes=2, y=line(1.0, 2.0), x_bar=line(1.0, 0.0, 0.0, 1.0)),
            at(x=line(-inf, -inf, inf, 5.0), sizes=2, y=line(-inf, inf), x_bar=line(1.0, 0.0, 1.0, 0.0)),
            at(x=line(nan, inf, nan, nan), sizes=2, y=line(nan, nan), x_bar=line(1.0, 0.0, 1.0, 0.0)),
            at(x=[[[[1.0], [2.0]], [[2.0], [2.0]]]], sizes=1, y=[[[[2.0]]]], x_bar=[[[[0.0], [1.0]], [[0.0], [0.0]]]]),
        ],
        bad=[
            bad(ValueError, r"adaptive_max_pool: x must be \[batch, \*space, channels", x=(3, 5), sizes=2),
            bad(ValueError, "sizes must be a positive int, or one for each of", x=(1, 5, 3), sizes=(2, 2)),
            bad(TypeError, "adaptive_max_pool: x must be a floating-point array", x=ints(1, 5, 3), sizes=2),
        ],
        large=call(x=IMAGES, sizes=5),
    ),
]
