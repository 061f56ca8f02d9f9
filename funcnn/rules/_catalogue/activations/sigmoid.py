"""What `rules/activations/_sigmoid.py` declares."""

from math import inf, nan

from ... import log_sigmoid, sigmoid, softplus
from .._arguments import ints
from .._entry import ELEMENTWISE, OUTPUT, at, bad, rule

entries = [
    rule(
        sigmoid,
        examples=ELEMENTWISE,
        saves=[OUTPUT],
        edges=[
            at(x=0.0, y=0.5, x_bar=0.25),
            at(x=inf, y=1.0, x_bar=0.0),
            at(x=-inf, y=0.0, x_bar=0.0),
            at(x=nan, y=nan, x_bar=nan),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
    rule(
        softplus,
        examples=ELEMENTWISE,
        saves=[OUTPUT],
        edges=[
            at(x=inf, y=inf, x_bar=1.0),
            at(x=-inf, y=0.0, x_bar=0.0),
            at(x=1e30, y=1e30, x_bar=1.0),
            at(x=nan, y=nan, x_bar=nan),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
    rule(
        log_sigmoid,
        examples=ELEMENTWISE,
        saves=[OUTPUT],
        edges=[
            at(x=inf, y=0.0, x_bar=0.0),
            at(x=-inf, y=-inf, x_bar=1.0),
            at(x=-1e30, y=-1e30, x_bar=1.0),
            at(x=nan, y=nan, x_bar=nan),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
]
