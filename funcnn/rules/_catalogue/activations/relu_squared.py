"""What `rules/activations/_relu_squared.py` declares."""

from math import inf, nan

from ... import relu_squared
from .._arguments import ints
from .._entry import ELEMENTWISE, at, bad, rule

entries = [
    rule(
        relu_squared,
        examples=ELEMENTWISE,
        saves=["x"],
        edges=[
            at(x=0.0, y=0.0, x_bar=0.0),
            at(x=3.0, y=9.0, x_bar=6.0),
            at(x=-inf, y=0.0, x_bar=0.0),
            at(x=inf, y=inf, x_bar=inf),
            at(x=nan, y=nan, x_bar=nan),
        ],
        bad=[bad(TypeError, r"relu_squared: x must be a floating-point array, got int32\[3\]", x=ints(3))],
    ),
]
