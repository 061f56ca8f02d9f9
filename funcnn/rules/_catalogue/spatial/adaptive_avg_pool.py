"""What `rules/spatial/_adaptive_avg_pool.py` declares."""

from math import inf, nan

from ... import adaptive_avg_pool
from .._arguments import ints, line
from .._entry import BINS, IMAGES, at, bad, call, rule

entries = [
    rule(
        adaptive_avg_pool,
        examples=BINS,
        saves=[],
        edges=[
            at(x=line(1.0, 2.0, 6.0), sizes=2, y=line(1.5, 4.0), x_bar=line(0.5, 1.0, 0.5)),
            at(x=line(1.0, inf, 3.0, 5.0), sizes=2, y=line(inf, nan), x_bar=line(0.5, 0.5, 0.5, 0.5)),
        ],
        bad=[
            bad(ValueError, r"adaptive_avg_pool: x must be \[batch, \*space, channels", x=(3, 5), sizes=2),
            bad(ValueError, "sizes must be a positive int, or one for each of", x=(1, 5, 3), sizes=(2, 2)),
            bad(TypeError, "adaptive_avg_pool: x must be a floating-point array", x=ints(1, 5, 3), sizes=2),
        ],
        large=call(x=IMAGES, sizes=5),
    ),
]
