"""What `rules/activations/_silu.py` declares."""

from math import inf, nan

from ... import silu
from .._arguments import ints
from .._entry import ELEMENTWISE, at, bad, rule

entries = [
    rule(
        silu,
        examples=ELEMENTWISE,
        saves=["x"],
        edges=[
            at(x=0.0, y=0.0, x_bar=0.5),
            at(x=inf, y=inf, x_bar=1.0),
            at(x=-inf, y=0.0, x_bar=0.0),
            at(x=-1e30, y=0.0, x_bar=0.0),
            at(x=nan, y=nan, x_bar=nan),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
]
