"""What `rules/activations/_elu.py` declares."""

from math import inf, nan

from ... import celu, elu, selu
from .._arguments import ints
from .._entry import ELEMENTWISE, at, bad, call, rule

_LAMBDA, _ALPHA = 1.0507009873554805, 1.6732632423543772

entries = [
    rule(
        elu,
        examples=[*ELEMENTWISE, call(x=(3, 5), alpha=0.3), call(x=(3, 5), alpha=2.0), call(x=(3, 5), alpha=0.0)],
        saves=["x"],
        edges=[
            at(x=0.0, y=0.0, x_bar=1.0),
            at(x=inf, y=inf, x_bar=1.0),
            at(x=-inf, y=-1.0, x_bar=0.0),
            at(x=-1e30, y=-1.0, x_bar=0.0),
            at(x=nan, y=nan, x_bar=nan),
            at(x=0.0, alpha=-2.0, y=0.0, x_bar=-2.0),
            at(x=-inf, alpha=-2.0, y=2.0, x_bar=0.0),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
            bad(TypeError, "elu: alpha must be a number, got str", x=(3,), alpha="1"),
        ],
    ),
    rule(
        selu,
        examples=ELEMENTWISE,
        saves=["x"],
        edges=[
            at(x=0.0, y=0.0, x_bar=_LAMBDA * _ALPHA),
            at(x=inf, y=inf, x_bar=_LAMBDA),
            at(x=-inf, y=-_LAMBDA * _ALPHA, x_bar=0.0),
            at(x=nan, y=nan, x_bar=nan),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
    rule(
        celu,
        examples=[*ELEMENTWISE, call(x=(3, 5), alpha=0.3), call(x=(3, 5), alpha=2.0), call(x=(3, 5), alpha=-1.5)],
        saves=["x"],
        edges=[
            at(x=0.0, y=0.0, x_bar=1.0),
            at(x=inf, y=inf, x_bar=1.0),
            at(x=-inf, y=-1.0, x_bar=0.0),
            at(x=-1e30, y=-1.0, x_bar=0.0),
            at(x=nan, y=nan, x_bar=nan),
            at(x=-inf, alpha=0.5, y=-0.5, x_bar=0.0),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
            bad(ValueError, "celu: alpha must be a number that is not 0, got 0.0", x=(3,), alpha=0.0),
        ],
    ),
]
