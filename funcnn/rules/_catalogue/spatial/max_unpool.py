"""What `rules/spatial/_max_unpool.py` declares."""

from math import inf, nan

from ... import max_unpool
from .._arguments import Classes, ints, line
from .._entry import IMAGES, at, bad, call, rule

entries = [
    rule(
        max_unpool,
        examples=[
            call(y=(2, 3, 3), indices=Classes((2, 3, 3), 7), size=7),
            call(y=(1, 2, 3, 2), indices=Classes((1, 2, 3, 2), 20), size=(4, 5)),
            call(y=(2, 2, 2, 1), indices=Classes((2, 2, 2, 1), 3), size=(1, 3)),
            call(y=(1, 2, 1, 3, 2), indices=Classes((1, 2, 1, 3, 2), 24), size=(2, 3, 4)),
            call(y=(0, 5, 3), indices=Classes((0, 5, 3), 9), size=9),
            call(y=(3, 1, 1, 2), indices=Classes((3, 1, 1, 2), 1), size=1),
        ],
        saves=["indices"],
        batched=["y", "indices"],
        edges=[
            at(y=line(3.0, 5.0), indices=line(2, 0), size=3, x=line(5.0, 0.0, 3.0), y_bar=line(1.0, 1.0)),
            at(y=line(3.0, 5.0), indices=line(1, 1), size=3, x=line(0.0, 5.0, 0.0), y_bar=line(0.0, 1.0)),
            at(y=line(3.0, 5.0), indices=line(3, -1), size=3, x=line(0.0, 0.0, 0.0), y_bar=line(0.0, 0.0)),
            at(y=line(inf, nan), indices=line(0, 2), size=3, x=line(inf, 0.0, nan), y_bar=line(1.0, 1.0)),
        ],
        bad=[
            bad(
                ValueError, r"max_unpool: y must be \[batch, \*space, channels\]", y=(3, 5), indices=ints(3, 5), size=2
            ),
            bad(TypeError, "indices must be an array of integers, got float64", y=(1, 2, 3), indices=(1, 2, 3), size=4),
            bad(
                ValueError, r"indices must be \[1, 2, 3\], the shape of y, got", y=(1, 2, 3), indices=ints(2, 3), size=4
            ),
            bad(
                ValueError,
                "size must be a positive int, or one for each of",
                y=(1, 2, 3),
                indices=ints(1, 2, 3),
                size=0,
            ),
        ],
        large=call(y=IMAGES, indices=Classes(IMAGES, 4096), size=64),
    ),
]
