"""What `rules/affine/_lora_linear.py` declares."""

from ... import lora_linear
from .._entry import SHAPE, bad, call, rule

entries = [
    rule(
        lora_linear,
        examples=[
            call(x=(3, 5), w=(5, 4), a=(5, 2), b=(2, 4)),
            call(x=(5,), w=(5, 4), a=(5, 2), b=(2, 4), scale=0.5),
            call(x=(2, 3, 5), w=(5, 7), a=(5, 1), b=(1, 7), scale=-2.0),
            call(x=(4, 1), w=(1, 3), a=(1, 1), b=(1, 3)),
            call(x=(0, 3), w=(3, 2), a=(3, 1), b=(1, 2)),
            call(x=(3, 2), w=(2, 4), a=(2, 0), b=(0, 4)),
        ],
        saves=["x", "w", "a", "b"],
        bad=[
            bad(ValueError, r"a must be \[5, rank\] to follow x \[3, 5\], got", x=(3, 5), w=(5, 4), a=(4, 2), b=(2, 4)),
            bad(ValueError, r"b must be \[2, 4\] to follow", x=(3, 5), w=(5, 4), a=(5, 2), b=(3, 4)),
            bad(TypeError, "scale must be a number, got str", x=(3, 5), w=(5, 4), a=(5, 2), b=(2, 4), scale="1"),
        ],
        large=call(x=SHAPE, w=(512, 512), a=(512, 8), b=(8, 512)),
    ),
]
