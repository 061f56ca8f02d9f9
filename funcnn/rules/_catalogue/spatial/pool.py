"""What `rules/spatial/_pool.py` declares."""

from math import inf, nan

from ... import avg_pool, max_pool
from .._arguments import ints, line
from .._entry import IMAGES, at, bad, call, per_output, rule

entries = [
    rule(
        max_pool,
        examples=[
            call(x=(2, 6, 3), window=2),
            call(x=(1, 5, 4, 2), window=(3, 2), stride=(2, 1), padding="SAME"),
            call(x=(2, 5, 7, 1), window=3, stride=2),
            call(x=(1, 4, 3, 5, 2), window=(2, 3, 2), padding=((1, 0), (0, 0), (2, 1))),
            call(x=(2, 9, 2), window=4, stride=1, padding=((-1, 2),)),
            call(x=(1, 7, 6, 2), window=(3, 2), stride=(2, 1), padding=((1, 1), (0, 2)), dilation=(2, 3)),
            call(x=(0, 5, 3), window=2),
            call(x=(3, 1, 1, 2), window=1),
        ],
        saves=[per_output("uint8")],
        edges=[
            at(x=line(1.0, 1.0, 0.0, 2.0), window=2, y=line(1.0, 2.0), x_bar=line(1.0, 0.0, 0.0, 1.0)),
            at(x=line(0.0, 3.0, 3.0), window=2, stride=1, y=line(3.0, 3.0), x_bar=line(0.0, 2.0, 0.0)),
            at(x=line(-inf, -inf, inf, inf), window=2, y=line(-inf, inf), x_bar=line(1.0, 0.0, 1.0, 0.0)),
            at(
                x=line(1.0, nan, nan, 1.0, nan, nan),
                window=2,
                y=line(nan, nan, nan),
                x_bar=line(0.0, 1.0, 1.0, 0.0, 1.0, 0.0),
            ),
            at(x=line(-inf, 1.0, 2.0), window=2, padding=((1, 0),), y=line(-inf, 2.0), x_bar=line(1.0, 0.0, 1.0)),
            at(x=line(4.0, 9.0, 4.0), window=2, dilation=2, y=line(4.0), x_bar=line(1.0, 0.0, 0.0)),
            at(x=line(1.0), window=1, padding=((1, 0),), y=line(-inf, 1.0), x_bar=line(1.0)),
            at(x=[[[[1.0], [2.0]], [[2.0], [2.0]]]], window=2, y=[[[[2.0]]]], x_bar=[[[[0.0], [1.0]], [[0.0], [0.0]]]]),
        ],
        bad=[
            bad(ValueError, r"pool: x must be \[batch, \*space, channels\]", x=(3, 5), window=2),
            bad(TypeError, r"max_pool: x must be a floating-point array, got int32\[1, 5", x=ints(1, 5, 3), window=2),
            bad(ValueError, "max_pool: window must be a positive int, or one for each of 1 sp", x=(1, 5, 3), window=0),
            bad(ValueError, "max_pool: window must fit into the padded x, got a reach of 6 ov", x=(1, 5, 3), window=6),
            bad(ValueError, "must fit into the padded x, got a reach of 7 over 5", x=(1, 5, 3), window=3, dilation=3),
        ],
        large=call(x=IMAGES, window=2),
    ),
    rule(
        avg_pool,
        examples=[
            call(x=(2, 6, 3), window=2, count_padding=True),
            call(x=(1, 5, 4, 2), window=(3, 2), stride=(2, 1), padding="SAME", count_padding=True),
            call(x=(1, 5, 4, 2), window=(3, 2), stride=(2, 1), padding="SAME", count_padding=False),
            call(x=(2, 5, 7, 1), window=3, stride=2, count_padding=True),
            call(x=(2, 5, 7, 1), window=3, stride=2, count_padding=False),
            call(x=(1, 4, 3, 5, 2), window=(2, 3, 2), padding=((1, 0), (0, 0), (2, 1)), count_padding=True),
            call(x=(1, 4, 3, 5, 2), window=(2, 3, 2), padding=((1, 0), (0, 0), (2, 1)), count_padding=False),
            call(x=(2, 9, 2), window=4, stride=1, padding=((-1, 2),), count_padding=True),
            call(x=(2, 9, 2), window=4, stride=1, padding=((-1, 2),), count_padding=False),
            call(x=(0, 5, 3), window=2, count_padding=True),
            call(x=(3, 1, 1, 2), window=1, count_padding=True),
        ],
        saves=[],
        edges=[
            at(x=line(inf, 1.0, nan, 1.0), window=2, y=line(inf, nan), x_bar=line(0.5, 0.5, 0.5, 0.5)),
            at(x=line(3.0), window=1, padding=((1, 0),), count_padding=False, y=line(0.0, 3.0), x_bar=line(1.0)),
            at(
                x=line(3.0, 5.0),
                window=2,
                stride=1,
                padding=((1, 0),),
                count_padding=False,
                y=line(3.0, 4.0),
                x_bar=line(1.5, 0.5),
            ),
            at(x=line(3.0, 5.0), window=2, stride=1, padding=((1, 0),), y=line(1.5, 4.0), x_bar=line(1.0, 0.5)),
        ],
        bad=[
            bad(ValueError, r"pool: x must be \[batch, \*space, channels\]", x=(3, 5), window=2),
            bad(ValueError, r"avg_pool: window must be .* 1 spatial axes, got \(2, 2\)", x=(1, 5, 3), window=(2, 2)),
            bad(ValueError, "avg_pool: stride must be a positive int", x=(1, 5, 3), window=2, stride=0),
            bad(
                ValueError,
                "avg_pool: padding must be 'SAME', 'VALID' or pairs of",
                x=(1, 5, 3),
                window=2,
                stride=1,
                padding="FULL",
            ),
        ],
        large=call(x=IMAGES, window=2),
    ),
]
