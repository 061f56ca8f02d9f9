"""What `rules/spatial/_conv.py` declares."""

from ... import conv
from .._entry import IMAGES, bad, call, rule

entries = [
    rule(
        conv,
        examples=[
            call(x=(2, 7, 3), w=(3, 3, 5), b=(5,)),
            call(x=(2, 7, 3), w=(4, 3, 2), stride=2, padding="VALID"),
            call(x=(2, 7, 5, 3), w=(1, 2, 3, 4), b=(4,), stride=(2, 1)),
            call(x=(1, 8, 7, 4), w=(3, 2, 2, 6), b=(6,), groups=2, padding=((2, 0), (1, 3))),
            call(x=(3, 9, 9, 3), w=(2, 3, 1, 6), groups=3, dilation=(2, 3), stride=2),
            call(x=(2, 5, 5, 1), w=(1, 1, 1, 1), b=(1,), stride=3),
            call(x=(2, 4, 5, 3, 2), w=(2, 1, 2, 2, 3), b=(3,), stride=(1, 2, 1), dilation=(2, 1, 1)),
            call(x=(0, 5, 2), w=(3, 2, 3), b=(3,)),
        ],
        saves=["x", "w", "b"],
        bad=[
            bad(ValueError, r"conv: x must be \[batch, \*space, channels\] with 1 to 3 sp", x=(3, 5), w=(3, 5, 2)),
            bad(ValueError, r"w must be \[window, 3, out\] to follow x \[1, 5, 3\]", x=(1, 5, 3), w=(3, 2, 4)),
            bad(ValueError, "groups must divide the 3 channels of x, got 2", x=(1, 5, 3), w=(3, 3, 4), groups=2),
            bad(ValueError, "w must be of out divisible by groups = 2", x=(1, 5, 4), w=(3, 2, 3), groups=2),
            bad(ValueError, r"b must be \[4\] to follow w", x=(1, 5, 3), w=(3, 3, 4), b=(3,)),
            bad(ValueError, "stride must be a positive int, or one for each", x=(1, 5, 3), w=(3, 3, 4), stride=0),
            bad(ValueError, "dilation must be a positive int, or one", x=(1, 5, 3), w=(3, 3, 4), dilation=(1, 2)),
            bad(ValueError, "padding must be 'SAME', 'VALID' or pairs", x=(1, 5, 3), w=(3, 3, 4), padding="same"),
            bad(ValueError, "padding must have a pair for ea", x=(1, 5, 3), w=(3, 3, 4), padding=((1, 1), (0, 0))),
            bad(ValueError, "window must fit into the padded x, got a ", x=(1, 2, 3), w=(4, 3, 4), padding="VALID"),
            bad(ValueError, "x must be .* with 1 to 3 spatial axes, none of them empty", x=(1, 0, 3), w=(3, 3, 4)),
            bad(ValueError, r"w must be \[window, 3, out\] to follow x", x=(1, 5, 3), w=(0, 3, 4)),
            bad(ValueError, "padding must be 'SAME', 'VALID' or pairs of in", x=(1, 5, 3), w=(3, 3, 4), padding=1),
            bad(ValueError, "stride must be a positive int, or one for each", x=(1, 5, 3), w=(3, 3, 4), stride=1.5),
        ],
        large=call(x=IMAGES, w=(3, 3, 32, 32), b=(32,)),
    ),
]
