"""What `rules/affine/_linear.py` declares."""

from ... import linear
from .._arguments import ints, of
from .._entry import SHAPE, WIDTH, bad, call, rule

entries = [
    rule(
        linear,
        examples=[
            call(x=(3, 5), w=(5, 2), b=(2,)),
            call(x=(3, 5), w=(5, 2), b=(1, 2)),
            call(x=(3, 5), w=(5, 2)),
            call(x=(5,), w=(5, 2), b=(2,)),
            call(x=(5,), w=(5, 2), b=(1, 2)),
            call(x=(2, 3, 5), w=(5, 7), b=(7,)),
            call(x=(2, 1, 3, 2), w=(2, 1), b=(1, 1)),
            call(x=(5, 5), w=(5, 5), b=(5,)),
            call(x=(0, 3), w=(3, 2), b=(2,)),
            call(x=(3, 0), w=(0, 2), b=(2,)),
            call(x=(3, 2), w=(2, 0), b=(0,)),
        ],
        saves=["x", "w", "b"],
        bad=[
            bad(TypeError, r"linear: x must be a floating-point array, got int32\[3, 5\]", x=ints(3, 5), w=(5, 2)),
            bad(ValueError, r"linear: x must be \[..., n\], got float64\[\]", x=(), w=(5, 2)),
            bad(ValueError, r"w must be \[5, m\] to follow x \[3, 5\], got float64\[4, 2\]", x=(3, 5), w=(4, 2)),
            bad(ValueError, r"w must be \[5, m\]", x=(3, 5), w=(5,)),
            bad(ValueError, r"b must be \[2\] or \[1, 2\] to follow w \[5, 2\]", x=(3, 5), w=(5, 2), b=(3,)),
            bad(TypeError, "w must have the dtype of x, float64, got fl", x=(3, 5), w=of("float32", 5, 2)),
            bad(TypeError, "linear: x must be a floating-point array, got NoneType", x=None, w=(5, 2)),
        ],
        large=call(x=SHAPE, w=(512, 512), b=(WIDTH,)),
    ),
]
