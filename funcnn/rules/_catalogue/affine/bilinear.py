"""What `rules/affine/_bilinear.py` declares."""

from ... import bilinear
from .._entry import bad, call, rule

entries = [
    rule(
        bilinear,
        examples=[
            call(x=(3, 5), z=(3, 2), w=(5, 2, 4), b=(4,)),
            call(x=(5,), z=(3,), w=(5, 3, 2)),
            call(x=(2, 3, 1), z=(2, 3, 2), w=(1, 2, 3), b=(3,)),
            call(x=(0, 3), z=(0, 2), w=(3, 2, 1), b=(1,)),
            call(x=(3, 0), z=(3, 2), w=(0, 2, 5), b=(5,)),
        ],
        saves=["x", "z", "w", "b"],
        batched=["x", "z"],
        bad=[
            bad(ValueError, r"z must be \[3, m\] to follow x", x=(3, 5), z=(2, 4), w=(5, 4, 1)),
            bad(ValueError, r"w must be \[5, 4, out\] to follow x", x=(3, 5), z=(3, 4), w=(4, 5, 1)),
        ],
        large=call(x=(2048, 32), z=(2048, 32), w=(32, 32, 64), b=(64,)),
    ),
]
