"""What `rules/noise/_gaussian_noise.py` declares."""

from ... import gaussian_noise
from .._arguments import Key
from .._entry import SHAPE, bad, call, rule

entries = [
    rule(
        gaussian_noise,
        examples=[
            call(x=(7,), key=Key(), stddev=0.5),
            call(x=(), key=Key(), stddev=0.1),
            call(x=(1,), key=Key(), stddev=0.0),
            call(x=(3, 5), key=Key(), stddev=3.0),
            call(x=(2, 1, 3), key=Key(), stddev=1.0),
            call(x=(0, 3), key=Key(), stddev=0.5),
        ],
        saves=[],
        bad=[
            bad(ValueError, "stddev must be a number not below 0, got -1.0", x=(3,), key=Key(), stddev=-1.0),
        ],
        large=call(x=SHAPE, key=Key(), stddev=0.5),
    ),
]
