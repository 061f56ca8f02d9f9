"""What `rules/activations/_hard.py` declares."""

from math import inf, nan

from ... import hard_sigmoid, hard_silu, hard_tanh
from .._arguments import Uniform, ints
from .._entry import ELEMENTWISE, OUTPUT, at, bad, call, rule

entries = [
    rule(
        hard_tanh,
        examples=[*ELEMENTWISE, call(x=(3, 5), low=-0.5, high=2.0), call(x=(3, 5), low=0.0, high=0.3)],
        saves=[OUTPUT],
        edges=[
            at(x=-1.0, y=-1.0, x_bar=0.0),
            at(x=1.0, y=1.0, x_bar=0.0),
            at(x=inf, y=1.0, x_bar=0.0),
            at(x=-inf, y=-1.0, x_bar=0.0),
            at(x=nan, y=nan, x_bar=0.0),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
            bad(ValueError, "hard_tanh: high must be a number above low = 1.0, got 0.0", x=(3,), low=1.0, high=0.0),
        ],
    ),
    rule(
        hard_sigmoid,
        examples=[*ELEMENTWISE, call(x=Uniform((5, 7), -5.0, 5.0))],
        saves=["x"],
        edges=[
            at(x=-3.0, y=0.0, x_bar=0.0),
            at(x=3.0, y=1.0, x_bar=0.0),
            at(x=0.0, y=0.5, x_bar=1 / 6),
            at(x=inf, y=1.0, x_bar=0.0),
            at(x=-inf, y=0.0, x_bar=0.0),
            at(x=nan, y=nan, x_bar=0.0),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
    rule(
        hard_silu,
        examples=[*ELEMENTWISE, call(x=Uniform((5, 7), -5.0, 5.0))],
        saves=["x"],
        edges=[
            at(x=-3.0, y=0.0, x_bar=0.0),
            at(x=3.0, y=3.0, x_bar=1.0),
            at(x=0.0, y=0.0, x_bar=0.5),
            at(x=inf, y=inf, x_bar=1.0),
            at(x=-inf, y=0.0, x_bar=0.0),
            at(x=nan, y=nan, x_bar=nan),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
]
