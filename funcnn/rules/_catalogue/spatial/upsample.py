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
        ],
        saves=[],
        edges=[
            at(x=line(0.0, 4.0), factor=2, method="linear", y=line(0.0, 1.0, 3.0, 4.0), x_bar=line(2.0, 2.0)),
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
            bad(ValueError, "method must be 'nearest' or 'linear', got 'cubic'", x=(1, 5, 3), factor=2, method="cubic"),
        ],
        large=call(x=IMAGES, factor=2, method="linear"),
    ),
]
