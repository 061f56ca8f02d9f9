"""What `rules/activations/_shrink.py` declares."""

from math import inf, nan

from ... import hard_shrink, soft_shrink
from .._arguments import ints
from .._entry import ELEMENTWISE, OUTPUT, at, bad, call, rule

_EXAMPLES = [*ELEMENTWISE, call(x=(3, 5), threshold=0.0), call(x=(3, 5), threshold=1.2)]
_EDGES = [
    at(x=0.5, y=0.0, x_bar=0.0),
    at(x=-0.5, y=0.0, x_bar=0.0),
    at(x=0.0, y=0.0, x_bar=0.0),
    at(x=inf, y=inf, x_bar=1.0),
    at(x=-inf, y=-inf, x_bar=1.0),
    at(x=nan, y=nan, x_bar=1.0),
]
_BAD = [
    bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
    bad(ValueError, "threshold must be a number not below 0, got -0.1", x=(3,), threshold=-0.1),
]

entries = [
    rule(soft_shrink, examples=_EXAMPLES, saves=[OUTPUT], edges=_EDGES, bad=_BAD),
    rule(hard_shrink, examples=_EXAMPLES, saves=[OUTPUT], edges=_EDGES, bad=_BAD),
]
