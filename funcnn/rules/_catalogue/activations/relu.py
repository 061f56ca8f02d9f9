"""What `rules/activations/_relu.py` declares."""

from math import inf, nan

from ... import relu, relu6, threshold
from .._arguments import Uniform, ints
from .._entry import ELEMENTWISE, OUTPUT, SHAPE, at, bad, call, rule

entries = [
    rule(
        relu,
        examples=ELEMENTWISE,
        saves=[OUTPUT],
        edges=[
            at(x=0.0, y=0.0, x_bar=0.0),
            at(x=inf, y=inf, x_bar=1.0),
            at(x=-inf, y=0.0, x_bar=0.0),
            at(x=nan, y=nan, x_bar=0.0),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
    rule(
        relu6,
        examples=[*ELEMENTWISE, call(x=Uniform((5, 7), -9.0, 9.0))],
        saves=[OUTPUT],
        edges=[
            at(x=0.0, y=0.0, x_bar=0.0),
            at(x=6.0, y=6.0, x_bar=0.0),
            at(x=inf, y=6.0, x_bar=0.0),
            at(x=-inf, y=0.0, x_bar=0.0),
            at(x=nan, y=nan, x_bar=0.0),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
    rule(
        threshold,
        examples=[
            call(x=(), threshold=0.1, value=20.0),
            call(x=(1,), threshold=-1.0, value=0.0),
            call(x=(7,), threshold=0.5, value=-0.5),
            call(x=(3, 5), threshold=0.0, value=0.0),
            call(x=(2, 1, 3), threshold=-0.3, value=2.0),
            call(x=(0, 3), threshold=1.0, value=1.0),
            call(x=(5, 7), threshold=0.2, value=7.0),
        ],
        saves=["x"],
        edges=[
            at(x=1.0, threshold=1.0, value=5.0, y=5.0, x_bar=0.0),
            at(x=inf, threshold=1.0, value=5.0, y=inf, x_bar=1.0),
            at(x=-inf, threshold=1.0, value=5.0, y=5.0, x_bar=0.0),
            at(x=nan, threshold=1.0, value=5.0, y=nan, x_bar=1.0),
        ],
        bad=[
            bad(
                TypeError, "threshold: x must be a floating-point array, got int32", x=ints(3), threshold=0.0, value=0.0
            ),
            bad(TypeError, "threshold: value must be a number, got str", x=(3,), threshold=0.0, value="0"),
        ],
        large=call(x=SHAPE, threshold=0.1, value=0.0),
    ),
]
