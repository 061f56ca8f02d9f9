"""What `rules/spatial/_upsample.py` declares."""

from math import inf, nan

from ... import upsample
from .._arguments import ints, line
from .._entry import IMAGES, at, bad, call, rule

entries = [
    rule(
        upsample,
        examples=[
            call(x=(2, 5, 3), factor=2, method="nearest"),
            call(x=(2, 5, 3), factor=2, method="linear"),
            call(x=(1, 3, 2, 2), factor=(3, 2), method="nearest"),
            call(x=(1, 3, 2, 2), factor=(3, 2), method="linear"),
            call(x=(1, 2, 1, 3, 2), factor=(2, 3, 1), method="nearest"),
            call(x=(1, 2, 1, 3, 2), factor=(2, 3, 1), method="linear"),
            call(x=(0, 5, 3), factor=2, method="nearest"),
            call(x=(0, 5, 3), factor=2, method="linear"),
            call(x=(2, 1, 3), factor=4, method="nearest"),
            call(x=(2, 1, 3), factor=4, method="linear"),
            call(x=(2, 7, 1), factor=5, method="nearest"),
            call(x=(2, 7, 1), factor=5, method="linear"),
            call(x=(1, 3, 5, 2), size=(7, 3), method="nearest"),
            call(x=(1, 3, 5, 2), size=(7, 3), method="linear"),
            call(x=(2, 5, 4, 1), size=(9, 1), method="linear", align_corners=True),
            call(x=(1, 3, 5, 2), size=(7, 3), method="cubic"),
            call(x=(2, 5, 3), factor=2, method="cubic", align_corners=True),
        ],
        saves=[],
        edges=[
            at(x=line(0.0, 4.0), factor=2, method="linear", y=line(0.0, 1.0, 3.0, 4.0), x_bar=line(2.0, 2.0)),
            at(
                x=line(0.0, 4.0),
                size=3,
                method="linear",
                align_corners=True,
                y=line(0.0, 2.0, 4.0),
                x_bar=line(1.5, 1.5),
            ),
            at(
                x=line(0.0, 16.0),
                size=4,
                method="cubic",
                y=line(-1.6875, 3.625, 12.375, 17.6875),
                x_bar=line(2.0, 2.0),
            ),
            at(x=line(1.0, inf, nan), size=4, y=line(1.0, 1.0, inf, nan), x_bar=line(2.0, 1.0, 1.0)),
            at(x=line(1.0, inf, nan), factor=2, y=line(1.0, 1.0, inf, inf, nan, nan), x_bar=line(2.0, 2.0, 2.0)),
            at(
                x=line(1.0, 2.0, inf),
                factor=2,
                method="linear",
                y=line(nan, nan, nan, inf, inf, inf),
                x_bar=line(2.0, 2.0, 2.0),
            ),
        ],
        bad=[
            bad(TypeError, "upsample: x must be a floating-point array", x=ints(1, 5, 3), factor=2),
            bad(ValueError, "factor must be a positive int, or one for each of 1 spatial", x=(1, 5, 3), factor=1.5),
            bad(ValueError, "method must be 'nearest', 'linear' or 'cubic', g", x=(1, 5, 3), factor=2, method="area"),
            bad(ValueError, "factor or size must be given, and not both, got None and None", x=(1, 5, 3)),
            bad(ValueError, "size must be a positive int, or one for each of 1 spatial", x=(1, 5, 3), size=(2, 3)),
            bad(
                ValueError, "align_corners must be False for method 'nearest'", x=(1, 5, 3), size=2, align_corners=True
            ),
        ],
        large=call(x=IMAGES, factor=2, method="linear"),
    ),
]
