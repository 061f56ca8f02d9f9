"""What `rules/recurrent/_linear_recurrence.py` declares."""

from ... import linear_recurrence
from .._arguments import Classes, ints
from .._entry import OUTPUT, bad, call, rule

FITTING = {"a": (2, 5, 3), "x": (2, 5, 3), "h": (2, 3)}

entries = [
    rule(
        linear_recurrence,
        examples=[
            call(**FITTING),
            call(a=(3,), x=(2, 5, 3), h=(2, 3), lengths=Classes((2,), 7), reverse=True),
            call(a=(1, 7, 1), x=(1, 7, 1), h=(1, 1), lengths=Classes((1,), 7)),
            call(a=(2,), x=(3, 4, 2), h=(3, 2), reverse=True),
            call(a=(3, 0, 2), x=(3, 0, 2), h=(3, 2)),
        ],
        saves=["a", "h", "lengths", OUTPUT],
        batched=["a", "x", "h", "lengths"],
        bad=[
            bad(ValueError, r"linear_recurrence: h must be \[2, 3\] to follow", **FITTING | {"h": (2, 4)}),
            bad(ValueError, r"linear_recurrence: a must be \[2, 5, 3\] or \[3\]", **FITTING | {"a": (2, 3)}),
            bad(TypeError, "linear_recurrence: a must be a floating-point array", **FITTING | {"a": ints(3)}),
            bad(ValueError, r"linear_recurrence: lengths must be \[2\] to follow x", **FITTING, lengths=ints(3)),
            bad(TypeError, "linear_recurrence: reverse must be True or False, got 1", **FITTING, reverse=1),
        ],
        large=call(a=(8, 1024, 256), x=(8, 1024, 256), h=(8, 256)),
    ),
]
