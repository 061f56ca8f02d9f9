"""What `rules/losses/_triplet.py` declares."""

from math import inf

from ... import triplet
from .._entry import SHAPE, at, bad, call, rule

entries = [
    rule(
        triplet,
        examples=[
            call(anchor=(5,), positive=(5,), negative=(5,)),
            call(anchor=(3, 5), positive=(3, 5), negative=(3, 5)),
            call(anchor=(2, 3, 7), positive=(2, 3, 7), negative=(2, 3, 7)),
            call(anchor=(4, 1), positive=(4, 1), negative=(4, 1)),
            call(anchor=(0, 3), positive=(0, 3), negative=(0, 3)),
            call(anchor=(3, 5), positive=(3, 5), negative=(3, 5), margin=0.1, eps=0.3),
            call(anchor=(3, 5), positive=(3, 5), negative=(3, 5), margin=5, eps=0.0),
        ],
        saves=["anchor", "positive", "negative"],
        batched=["anchor", "positive", "negative"],
        edges=[
            at(
                anchor=[0.0, 1.0],
                positive=[0.0, 2.0],
                negative=[-inf, 0.0],
                y=0.0,
                anchor_bar=[0.0, 0.0],
                positive_bar=[0.0, 0.0],
                negative_bar=[0.0, 0.0],
            ),
            at(
                anchor=[1.0, 2.0],
                positive=[1.0, 2.0],
                negative=[1.0, 2.0],
                eps=0.0,
                y=1.0,
                anchor_bar=[0.0, 0.0],
                positive_bar=[0.0, 0.0],
                negative_bar=[0.0, 0.0],
            ),
            at(
                anchor=[1.0, 2.0],
                positive=[1.0, 2.0],
                negative=[1.0, 2.0],
                y=1.0,
                anchor_bar=[0.0, 0.0],
                positive_bar=[-(0.5**0.5)] * 2,
                negative_bar=[0.5**0.5] * 2,
            ),
            at(
                anchor=[0.0, 0.0],
                positive=[0.0, 2.0],
                negative=[3.0, 0.0],
                eps=0.0,
                y=0.0,
                anchor_bar=[0.0, 0.0],
                positive_bar=[0.0, 0.0],
                negative_bar=[0.0, 0.0],
            ),
            at(
                anchor=[0.0, 0.0],
                positive=[0.0, 2.0],
                negative=[0.0, 0.0],
                eps=0.0,
                y=3.0,
                anchor_bar=[0.0, -1.0],
                positive_bar=[0.0, 1.0],
                negative_bar=[0.0, 0.0],
            ),
        ],
        bad=[
            bad(
                ValueError,
                r"triplet: negative must be \[3, 5\], the shape of anchor",
                anchor=(3, 5),
                positive=(3, 5),
                negative=(5,),
            ),
            bad(
                ValueError,
                r"triplet: anchor must be \[\.\.\., features\], got float64\[\]",
                anchor=(),
                positive=(),
                negative=(),
            ),
            bad(
                TypeError,
                "triplet: margin must be a number, got str",
                anchor=(3,),
                positive=(3,),
                negative=(3,),
                margin="1",
            ),
        ],
        large=call(anchor=SHAPE, positive=SHAPE, negative=SHAPE),
    ),
]
