"""What `rules/normalization/_l2_normalize.py` declares."""

from math import inf, nan

from ... import l2_normalize
from .._arguments import ints
from .._entry import AXES, at, bad, call, rule

entries = [
    rule(
        l2_normalize,
        examples=[*AXES, call(x=(3, 5), eps=2.0)],
        saves=["x", lambda x, axis=-1, **options: x.sum(axis).size],
        edges=[
            at(x=[0.0, 0.0], y=[0.0, 0.0], x_bar=[1000000000000.0, 1000000000000.0]),
            at(x=[3.0, 4.0], eps=5.0, y=[0.6, 0.8], x_bar=[0.2, 0.2]),
            at(x=[3.0, 4.0], y=[0.6, 0.8], x_bar=[0.032, -0.024]),
            at(x=[3e200, 4e200], y=[0.6, 0.8], x_bar=[0.0, 0.0]),
            at(x=[3e-200, 4e-200], eps=1e-300, y=[0.6, 0.8], x_bar=[3.2e198, -2.4e198]),
            at(x=[inf, 1.0], y=[nan, 0.0], x_bar=[nan, nan]),
            at(x=[nan, 1.0], y=[nan, nan], x_bar=[nan, nan]),
        ],
        bad=[
            bad(TypeError, "l2_normalize: x must be a floating-point array, got int32", x=ints(3)),
            bad(ValueError, "axis must name different axes of an array of rank 2, got 2", x=(3, 5), axis=2),
            bad(ValueError, "l2_normalize: eps must be a number above 0, got 0.0", x=(3, 5), eps=0.0),
        ],
    ),
]
