"""What `rules/gradients/_scale_gradient.py` declares."""

from math import inf, nan

from ... import scale_gradient
from .._arguments import ints
from .._entry import SHAPE, at, bad, call, rule

entries = [
    rule(
        scale_gradient,
        examples=[
            call(x=(), scale=0.5),
            call(x=(1,), scale=-1.0),
            call(x=(7,), scale=0.0),
            call(x=(3, 5), scale=2.0),
            call(x=(2, 1, 3), scale=-0.1),
            call(x=(0, 3), scale=1.0),
        ],
        saves=[],
        surrogate=True,
        edges=[at(x=inf, scale=0.5, y=inf, x_bar=0.5), at(x=nan, scale=-2.0, y=nan, x_bar=-2.0)],
        bad=[
            bad(TypeError, "x must be a floating-point array", x=ints(3), scale=1.0),
        ],
        large=call(x=SHAPE, scale=0.5),
    ),
]
