"""What `rules/activations/_softsign.py` declares."""

from math import inf, nan

from ... import softsign
from .._arguments import ints
from .._entry import ELEMENTWISE, at, bad, rule

entries = [
    rule(
        softsign,
        examples=ELEMENTWISE,
        saves=["x"],
        edges=[
            at(x=0.0, y=0.0, x_bar=1.0),
            at(x=inf, y=1.0, x_bar=0.0),
            at(x=-inf, y=-1.0, x_bar=0.0),
            at(x=1e30, y=1.0, x_bar=1e-60),
            at(x=nan, y=nan, x_bar=nan),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
]
