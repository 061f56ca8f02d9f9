"""What `rules/activations/_squareplus.py` declares."""

from math import inf, nan

from ... import squareplus
from .._arguments import ints
from .._entry import ELEMENTWISE, OUTPUT, at, bad, call, rule

entries = [
    rule(
        squareplus,
        examples=[*ELEMENTWISE, call(x=(3, 5), b=0.1), call(x=(3, 5), b=1.0)],
        saves=[OUTPUT],
        edges=[
            at(x=0.0, y=1.0, x_bar=0.5),
            at(x=inf, y=inf, x_bar=1.0),
            at(x=-inf, y=0.0, x_bar=0.0),
            at(x=1e30, y=1e30, x_bar=1.0),
            at(x=-1e30, y=1e-30, x_bar=1e-60),
            at(x=nan, y=nan, x_bar=nan),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
            bad(ValueError, "squareplus: b must be a number above 0, got -1.0", x=(3,), b=-1.0),
        ],
    ),
]
