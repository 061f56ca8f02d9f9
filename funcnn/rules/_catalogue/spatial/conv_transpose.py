"""What `rules/spatial/_conv_transpose.py` declares."""

from ... import conv_transpose
from .._arguments import ints
from .._entry import bad, call, rule

entries = [
    rule(
        conv_transpose,
        examples=[
            call(x=(2, 4, 3), w=(3, 3, 5), b=(5,), stride=2),
            call(x=(2, 3, 2, 3), w=(2, 3, 3, 2), stride=(2, 1), padding="VALID"),
            call(x=(1, 3, 2, 4), w=(3, 2, 2, 6), b=(6,), groups=2, padding=((1, 0), (2, 3)), stride=3),
            call(x=(2, 5, 5, 2), w=(2, 3, 1, 4), groups=2, dilation=(2, 3), stride=2),
            call(x=(2, 1, 3), w=(2, 3, 2), b=(2,), stride=5, padding="VALID"),
            call(x=(2, 7, 3), w=(4, 3, 2), b=(2,)),
            call(x=(1, 2, 3, 2, 2), w=(2, 1, 2, 2, 3), b=(3,), stride=(1, 2, 1), dilation=(2, 1, 1)),
            call(x=(0, 5, 2), w=(3, 2, 3), b=(3,)),
            call(x=(2, 6, 1), w=(3, 1, 1), b=(1,), padding=((-1, 0),), stride=2),
        ],
        saves=["x", "w", "b"],
        bad=[
            bad(ValueError, r"conv_transpose: x must be \[batch, \*space, chan", x=(3, 5), w=(3, 5, 2)),
            bad(TypeError, "conv_transpose: x must be a floating-point arr", x=ints(1, 5, 3), w=(3, 3, 2)),
            bad(ValueError, r"w must be \[window, 3, out\] to follow x \[1, 5", x=(1, 5, 3), w=(3, 2, 4)),
            bad(ValueError, "groups must divide the 3 channels of x", x=(1, 5, 3), w=(3, 3, 4), groups=2),
            bad(ValueError, r"b must be \[4\] to follow w", x=(1, 5, 3), w=(3, 3, 4), b=(3,)),
            bad(ValueError, "padding must be 'SAME', 'VALID'", x=(1, 5, 3), w=(3, 3, 4), padding="same"),
            bad(ValueError, "window must fit into the padd", x=(1, 2, 3), w=(4, 3, 4), padding=((0, 0),)),
        ],
        large=call(x=(16, 16, 16, 32), w=(3, 3, 32, 32), b=(32,), stride=2),
    ),
]
