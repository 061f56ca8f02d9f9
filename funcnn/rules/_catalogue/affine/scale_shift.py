"""What `rules/affine/_scale_shift.py` declares."""

from ... import scale_shift
from .._entry import SHAPE, WIDTH, bad, call, rule

entries = [
    rule(
        scale_shift,
        examples=[
            call(x=(3, 5), scale=(5,), shift=(5,)),
            call(x=(7,), scale=(7,), shift=(7,)),
            call(x=(2, 1, 3), scale=(3,)),
            call(x=(3, 1), scale=None, shift=(1,)),
            call(x=(2, 3), scale=None),
            call(x=(0, 3), scale=(3,), shift=(3,)),
            call(x=(3, 0), scale=(0,), shift=(0,)),
        ],
        saves=["x", "scale", "shift"],
        bad=[
            bad(ValueError, r"scale must be \[5\] to follow x \[3, 5\], got float64\[3\]", x=(3, 5), scale=(3,)),
        ],
        large=call(x=SHAPE, scale=(WIDTH,), shift=(WIDTH,)),
    ),
]
