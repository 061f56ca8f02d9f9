"""What `rules/activations/_gelu.py` declares."""

from math import inf, nan

from ... import gelu
from .._arguments import ints
from .._entry import at, bad, call, rule

entries = [
    rule(
        gelu,
        examples=[
            call(x=(), approximate=True),
            call(x=(), approximate=False),
            call(x=(1,), approximate=True),
            call(x=(1,), approximate=False),
            call(x=(7,), approximate=True),
            call(x=(7,), approximate=False),
            call(x=(3, 5), approximate=True),
            call(x=(3, 5), approximate=False),
            call(x=(2, 1, 3), approximate=True),
            call(x=(2, 1, 3), approximate=False),
            call(x=(0, 3), approximate=True),
            call(x=(0, 3), approximate=False),
        ],
        saves=["x"],
        edges=[
            at(x=0.0, approximate=True, y=0.0, x_bar=0.5),
            at(x=inf, approximate=True, y=inf, x_bar=1.0),
            at(x=-inf, approximate=True, y=0.0, x_bar=0.0),
            at(x=1e30, approximate=True, y=1e30, x_bar=1.0),
            at(x=-1e30, approximate=True, y=0.0, x_bar=0.0),
            at(x=nan, approximate=True, y=nan, x_bar=nan),
            at(x=0.0, approximate=False, y=0.0, x_bar=0.5),
            at(x=inf, approximate=False, y=inf, x_bar=1.0),
            at(x=-inf, approximate=False, y=0.0, x_bar=0.0),
            at(x=1e30, approximate=False, y=1e30, x_bar=1.0),
            at(x=-1e30, approximate=False, y=0.0, x_bar=0.0),
            at(x=nan, approximate=False, y=nan, x_bar=nan),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
]
