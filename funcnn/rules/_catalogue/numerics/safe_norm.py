"""What `rules/numerics/_safe_norm.py` declares."""

from math import inf, nan

from ... import safe_norm
from .._entry import OUTPUT, at, bad, call, rule

entries = [
    rule(
        safe_norm,
        examples=[
            call(x=(5,), axis=-1, keepdims=False),
            call(x=(3, 5), axis=0, keepdims=True),
            call(x=(2, 3, 7), axis=1, keepdims=False),
            call(x=(2, 3, 5), axis=(0, 2), keepdims=True),
            call(x=(3, 1), axis=-1, keepdims=False),
            call(x=(0, 3), axis=-1, keepdims=True),
            call(x=(3, 0), axis=-1, keepdims=False),
        ],
        saves=["x", OUTPUT],
        edges=[
            at(x=[0.0, 0.0], y=0.0, x_bar=[0.0, 0.0]),
            at(x=[3e30, 4e30], y=5e30, x_bar=[0.6, 0.8]),
            at(x=[3e-200, -4e-200], y=5e-200, x_bar=[0.6, -0.8]),
            at(x=[inf, 1.0], y=inf, x_bar=[1.0, 0.0]),
            at(x=[-inf, inf], y=inf, x_bar=[-1.0, 1.0]),
            at(x=[nan, 1.0], y=nan, x_bar=[nan, nan]),
        ],
        bad=[
            bad(ValueError, "axis must name different axes of an array of rank 1, got 1", x=(3,), axis=1),
        ],
    ),
]
