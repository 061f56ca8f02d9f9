"""What `rules/activations/_softmax.py` declares."""

from math import inf

from ... import log_softmax, logsumexp, softmax
from .._arguments import ints
from .._entry import AXES, OUTPUT, at, bad, call, rule

entries = [
    rule(
        softmax,
        examples=AXES,
        saves=[OUTPUT],
        edges=[
            at(x=[0.0, 0.0], y=[0.5, 0.5], x_bar=[0.0, 0.0]),
            at(x=[1.0, -inf], y=[1.0, 0.0], x_bar=[0.0, 0.0]),
            at(x=[-inf, -inf], y=[0.5, 0.5], x_bar=[0.0, 0.0]),
            at(x=[inf, 3.0], y=[1.0, 0.0], x_bar=[0.0, 0.0]),
            at(x=[1e30, -1e30], y=[1.0, 0.0], x_bar=[0.0, 0.0]),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
            bad(ValueError, "axis must name different axes of an array of rank 2, got 2", x=(3, 5), axis=2),
            bad(ValueError, "axis must name different axes", x=(3, 5), axis=(0, -2)),
        ],
    ),
    rule(
        log_softmax,
        examples=AXES,
        saves=[OUTPUT],
        edges=[
            at(x=[1.0, -inf], y=[0.0, -inf], x_bar=[-1.0, 1.0]),
            at(x=[1e30, -1e30], y=[0.0, -2e30], x_bar=[-1.0, 1.0]),
            at(x=[inf, 3.0], y=[0.0, -inf], x_bar=[-1.0, 1.0]),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
            bad(TypeError, "axis must be an int or a tuple of ints, got 0.5", x=(3, 5), axis=0.5),
        ],
    ),
    rule(
        logsumexp,
        examples=[
            call(x=(5,), axis=-1, keepdims=False),
            call(x=(3, 5), axis=0, keepdims=True),
            call(x=(2, 3, 7), axis=1, keepdims=False),
            call(x=(2, 3, 5), axis=(0, 2), keepdims=True),
            call(x=(3, 1), axis=-1, keepdims=False),
            call(x=(0, 3), axis=-1, keepdims=True),
            call(x=()),
            call(x=(3, 5)),
            call(x=(2, 3), keepdims=True),
        ],
        saves=["x", lambda x, axis=None, keepdims=False: 2 * x.sum(axis).size],
        edges=[
            at(x=[-inf, -inf], y=-inf, x_bar=[0.0, 0.0]),
            at(x=[1.0, -inf], y=1.0, x_bar=[1.0, 0.0]),
            at(x=[inf, 3.0], y=inf, x_bar=[1.0, 0.0]),
            at(x=[inf, inf], y=inf, x_bar=[0.5, 0.5]),
            at(x=[1e30, -1e30], y=1e30, x_bar=[1.0, 0.0]),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
    ),
]
