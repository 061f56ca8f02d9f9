"""What `rules/activations/_sine.py` declares."""

from math import inf, nan

from ... import sine
from .._arguments import ints
from .._entry import ELEMENTWISE, at, bad, call, rule

entries = [
    rule(
        sine,
        examples=[*ELEMENTWISE, call(x=(3, 5), omega=1.0), call(x=(3, 5), omega=-2.5), call(x=(3, 5), omega=0.0)],
        saves=["x"],
        edges=[at(x=0.0, y=0.0, x_bar=30.0), at(x=inf, y=nan, x_bar=nan), at(x=nan, y=nan, x_bar=nan)],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
]
