"""What `rules/spatial/_pixel_shuffle.py` declares."""

from ... import pixel_shuffle, pixel_unshuffle
from .._arguments import ints
from .._entry import IMAGES, bad, call, rule

entries = [
    rule(
        pixel_shuffle,
        examples=[
            call(x=(2, 5, 6), factor=2),
            call(x=(1, 3, 2, 12), factor=(3, 2)),
            call(x=(2, 2, 1, 4), factor=2),
            call(x=(1, 2, 3, 1, 6), factor=(1, 3, 2)),
            call(x=(0, 5, 4), factor=4),
            call(x=(2, 7, 1), factor=1),
        ],
        saves=[],
        bad=[
            bad(ValueError, r"pixel_shuffle: x must be of channels divisible by 4", x=(1, 5, 5, 6), factor=2),
            bad(ValueError, "factor must be .* each of 2 spatial axes, got", x=(1, 5, 5, 6), factor=(2,)),
        ],
        large=call(x=IMAGES, factor=2),
    ),
    rule(
        pixel_unshuffle,
        examples=[
            call(x=(2, 6, 3), factor=2),
            call(x=(1, 6, 4, 2), factor=(3, 2)),
            call(x=(2, 4, 2, 1), factor=2),
            call(x=(1, 2, 3, 4, 1), factor=(1, 3, 2)),
            call(x=(0, 5, 4), factor=5),
            call(x=(2, 7, 1), factor=1),
        ],
        saves=[],
        bad=[
            bad(ValueError, r"x must be of spatial axes divisible by \[2, 2\], got", x=(1, 5, 4, 6), factor=2),
            bad(TypeError, "pixel_unshuffle: x must be a floating-point array", x=ints(1, 4, 3), factor=2),
        ],
        large=call(x=IMAGES, factor=2),
    ),
]
