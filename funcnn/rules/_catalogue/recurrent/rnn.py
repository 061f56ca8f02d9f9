"""What `rules/recurrent/_rnn.py` declares."""

from ... import rnn
from .._arguments import Classes, ints, of
from .._entry import OUTPUT, bad, call, rule

FITTING = {"x": (2, 5, 3), "h": (2, 4), "w_x": (3, 4), "w_h": (4, 4), "b": (4,)}
SMALL = {"h": (2, 1), "w_x": (3, 1), "w_h": (1, 1), "b": None}


def in_half_precision(x, h, *rest, **options):
    """Each step's h, in float32."""
    return x.shape[1] * h.size if x.dtype.itemsize < 4 else 0


entries = [
    rule(
        rnn,
        examples=[
            call(**FITTING),
            call(x=(2, 3, 3), **SMALL, lengths=Classes((2,), 5), reverse=True),
            call(x=(1, 7, 1), h=(1, 2), w_x=(1, 2), w_h=(2, 2), b=(2,), lengths=Classes((1,), 7), activation="relu"),
            call(x=(2, 0, 3), **SMALL),
        ],
        saves=["x", "h", "w_x", "w_h", "b", "lengths", OUTPUT, in_half_precision],
        batched=["x", "h", "lengths"],
        bad=[
            bad(ValueError, r"rnn: h must be \[2, 4\] to follow", **FITTING | {"h": (2, 3)}),
            bad(ValueError, r"rnn: w_h must be \[features, 4\], got", **FITTING | {"w_h": (4, 3)}),
            bad(TypeError, "rnn: w_x must have the dtype of x", **FITTING | {"w_x": of("float32", 3, 4)}),
            bad(TypeError, r"rnn: lengths must be an array of integers, got float64\[2\]", **FITTING, lengths=(2,)),
            bad(ValueError, r"rnn: lengths must be \[2\] to follow x, got int32\[3\]", **FITTING, lengths=ints(3)),
            bad(TypeError, "rnn: reverse must be True or False, got 1", **FITTING, reverse=1),
            bad(ValueError, "rnn: activation must be one of tanh, relu, got 'gelu'", **FITTING, activation="gelu"),
        ],
        large=call(x=(32, 128, 256), h=(32, 256), w_x=(256, 256), w_h=(256, 256), b=(256,)),
    ),
]
