"""What `rules/gradients/_clip_gradient.py` declares."""

from math import inf

from ... import clip_gradient
from .._entry import SHAPE, at, bad, call, rule

entries = [
    rule(
        clip_gradient,
        examples=[
            call(x=(), low=-1.0, high=1.0),
            call(x=(1,), low=-0.1, high=0.1),
            call(x=(7,), low=-0.5, high=2.0),
            call(x=(3, 5), low=-1.0, high=0.3),
            call(x=(2, 1, 3), low=0.0, high=0.0),
            call(x=(0, 3), low=-1.0, high=1.0),
        ],
        saves=[],
        surrogate=True,
        linear=False,
        edges=[at(x=inf, low=-1.0, high=0.5, y=inf, x_bar=0.5)],
        bad=[
            bad(ValueError, "high must be a number not below low = 1.0, got 0.0", x=(3,), low=1.0, high=0.0),
        ],
        large=call(x=SHAPE, low=-1.0, high=1.0),
    ),
]
