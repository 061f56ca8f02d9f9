"""What `rules/activations/_leaky_relu.py` declares."""

from math import inf, nan

from ... import leaky_relu, prelu
from .._arguments import ints
from .._entry import ELEMENTWISE, OUTPUT, SHAPE, WIDTH, at, bad, call, rule

entries = [
    rule(
        leaky_relu,
        examples=[
            *ELEMENTWISE,
            call(x=(3, 5), negative_slope=0.2),
            call(x=(3, 5), negative_slope=0.0),
            call(x=(3, 5), negative_slope=-1.0),
            call(x=(3, 5), negative_slope=2.0),
        ],
        saves=[OUTPUT],
        edges=[
            at(x=0.0, y=0.0, x_bar=0.01),
            at(x=inf, y=inf, x_bar=1.0),
            at(x=-inf, y=-inf, x_bar=0.01),
            at(x=nan, y=nan, x_bar=0.01),
            at(x=0.0, negative_slope=-1.0, y=0.0, x_bar=-1.0),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
    rule(
        prelu,
        examples=[
            call(x=(), a=()),
            call(x=(1,), a=()),
            call(x=(7,), a=(7,)),
            call(x=(3, 5), a=(5,)),
            call(x=(3, 5), a=()),
            call(x=(2, 1, 3), a=(3,)),
            call(x=(2, 3, 1), a=(1,)),
            call(x=(0, 3), a=(3,)),
        ],
        saves=["x", "a"],
        edges=[
            at(x=0.0, a=0.25, y=0.0, x_bar=0.25, a_bar=0.0),
            at(x=inf, a=0.25, y=inf, x_bar=1.0, a_bar=0.0),
            at(x=-inf, a=0.25, y=-inf, x_bar=0.25, a_bar=-inf),
            at(x=0.0, a=0.0, y=0.0, x_bar=0.0, a_bar=0.0),
            at(x=-inf, a=0.0, y=nan, x_bar=0.0, a_bar=-inf),
            at(x=[-1.0, 0.0, 2.0], a=-3.0, y=[3.0, 0.0, 2.0], x_bar=[-3.0, -3.0, 1.0], a_bar=-1.0),
        ],
        bad=[
            bad(ValueError, r"a must be \[\] or \[5\] to follow x \[3, 5\], got float64\[3\]", x=(3, 5), a=(3,)),
            bad(ValueError, r"prelu: a must be \[\] to follow x \[\], got float64\[7\]", x=(), a=(7,)),
        ],
        large=call(x=SHAPE, a=(WIDTH,)),
    ),
]
