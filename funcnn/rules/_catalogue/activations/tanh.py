"""What `rules/activations/_tanh.py` declares."""

from math import inf, nan

from ... import softcap, tanh
from .._arguments import ints
from .._entry import ELEMENTWISE, OUTPUT, SHAPE, at, bad, call, rule

entries = [
    rule(
        tanh,
        examples=ELEMENTWISE,
        saves=[OUTPUT],
        edges=[
            at(x=0.0, y=0.0, x_bar=1.0),
            at(x=inf, y=1.0, x_bar=0.0),
            at(x=-inf, y=-1.0, x_bar=0.0),
            at(x=1e30, y=1.0, x_bar=0.0),
            at(x=nan, y=nan, x_bar=nan),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
    rule(
        softcap,
        examples=[
            call(x=(), cap=1.0),
            call(x=(1,), cap=0.5),
            call(x=(7,), cap=3.0),
            call(x=(3, 5), cap=2.0),
            call(x=(2, 1, 3), cap=50.0),
            call(x=(0, 3), cap=1.0),
        ],
        saves=[OUTPUT],
        edges=[
            at(x=0.0, cap=2.0, y=0.0, x_bar=1.0),
            at(x=inf, cap=2.0, y=2.0, x_bar=0.0),
            at(x=-inf, cap=2.0, y=-2.0, x_bar=0.0),
            at(x=1e30, cap=2.0, y=2.0, x_bar=0.0),
            at(x=nan, cap=2.0, y=nan, x_bar=nan),
        ],
        bad=[
            bad(ValueError, "softcap: cap must be a number above 0, and finite, got 0.0", x=(3,), cap=0.0),
            bad(ValueError, "softcap: cap must be .* finite, got inf", x=(3,), cap=float("inf")),
        ],
        large=call(x=SHAPE, cap=2.0),
    ),
]
