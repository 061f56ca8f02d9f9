"""What `rules/activations/_sparsemax.py` declares."""

from math import inf

from ... import sparsemax
from .._arguments import ints
from .._entry import OUTPUT, at, bad, call, rule

entries = [
    rule(
        sparsemax,
        examples=[
            call(x=(5,), axis=-1),
            call(x=(3, 5), axis=0),
            call(x=(2, 3, 7), axis=1),
            call(x=(3, 1), axis=-1),
            call(x=(0, 3), axis=-1),
            call(x=(3, 0), axis=-1),
        ],
        saves=[OUTPUT],
        edges=[
            at(x=[0.0, 0.0], y=[0.5, 0.5], x_bar=[0.0, 0.0]),
            at(x=[2.0, 1.0], y=[1.0, 0.0], x_bar=[0.0, 0.0]),
            at(x=[-inf, -inf], y=[0.5, 0.5], x_bar=[0.0, 0.0]),
            at(x=[inf, 3.0], y=[1.0, 0.0], x_bar=[0.0, 0.0]),
            at(x=[inf, inf], y=[0.5, 0.5], x_bar=[0.0, 0.0]),
            at(x=[1e30, -1e30], y=[1.0, 0.0], x_bar=[0.0, 0.0]),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
            bad(ValueError, "axis must name different axes", x=(3, 4), axis=2),
        ],
    ),
]
