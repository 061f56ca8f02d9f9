"""What `rules/numerics/_safe_sqrt.py` declares."""

from math import inf, nan

from ... import safe_sqrt
from .._arguments import ints
from .._entry import ELEMENTWISE, OUTPUT, at, bad, rule

entries = [
    rule(
        safe_sqrt,
        examples=ELEMENTWISE,
        saves=[OUTPUT],
        edges=[
            at(x=0.0, y=0.0, x_bar=0.0),
            at(x=-1.0, y=0.0, x_bar=0.0),
            at(x=4.0, y=2.0, x_bar=0.25),
            at(x=inf, y=inf, x_bar=0.0),
            at(x=nan, y=nan, x_bar=nan),
        ],
        bad=[bad(TypeError, r"safe_sqrt: x must be a floating-point array, got int32\[3\]", x=ints(3))],
    ),
]
