"""What `rules/noise/_dropout.py` declares."""

from ... import dropout
from .._arguments import Key
from .._entry import SHAPE, bad, call, rule

entries = [
    rule(
        dropout,
        examples=[
            call(x=(7,), key=Key(), rate=0.5),
            call(x=(), key=Key(), rate=0.1),
            call(x=(1,), key=Key(), rate=0.0),
            call(x=(3, 5), key=Key(), rate=0.3),
            call(x=(2, 1, 3), key=Key(), rate=0.9),
            call(x=(0, 3), key=Key(), rate=0.5),
            call(x=(3, 4, 5), key=Key(), rate=0.5, shared=(1,)),
            call(x=(5, 2, 3), key=Key(), rate=0.25, shared=(-1, 1)),
        ],
        saves=["key"],
        bad=[
            bad(ValueError, "dropout: rate must be a number from 0 to below 1, got 1.0", x=(3,), key=Key(), rate=1.0),
            bad(TypeError, "dropout: key must be a jax.random.key, got ", x=(3,), key=0, rate=0.5),
            bad(
                ValueError,
                "shared must name different axes of an array of rank 1",
                x=(3,),
                key=Key(),
                rate=0.5,
                shared=(1,),
            ),
        ],
        large=call(x=SHAPE, key=Key(), rate=0.5),
    ),
]
