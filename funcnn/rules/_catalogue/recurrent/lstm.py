"""What `rules/recurrent/_lstm.py` declares."""

from ... import lstm
from .._arguments import Classes, ints, of
from .._entry import OUTPUT, bad, call, rule

FITTING = {"x": (2, 5, 3), "h": (2, 4), "c": (2, 4), "w_x": (3, 16), "w_h": (4, 16), "b": (16,)}
SMALL = {"h": (2, 1), "c": (2, 1), "w_x": (3, 4), "w_h": (1, 4), "b": None}


def gates_and_cell(x, h, *rest, **options):
    """Five numbers a step and feature."""
    return 5 * x.shape[1] * h.size


entries = [
    rule(
        lstm,
        examples=[
            call(**FITTING),
            call(x=(2, 3, 3), **SMALL, lengths=Classes((2,), 5), reverse=True),
            call(x=(1, 7, 1), h=(1, 2), c=(1, 2), w_x=(1, 8), w_h=(2, 8), b=(8,), lengths=Classes((1,), 7)),
            call(x=(3, 2, 2), h=(3, 1), c=(3, 1), w_x=(2, 4), w_h=(1, 4), b=(4,), reverse=True),
            call(x=(2, 0, 3), **SMALL),
        ],
        saves=["x", "h", "w_x", "w_h", "b", "lengths", OUTPUT, gates_and_cell],
        batched=["x", "h", "c", "lengths"],
        bad=[
            bad(ValueError, r"lstm: c must be \[2, 4\] to follow", **FITTING | {"c": (2, 3)}),
            bad(ValueError, r"lstm: h must be \[2, 4\] to follow", **FITTING | {"h": (2, 3)}),
            bad(ValueError, r"lstm: w_h must be \[features, 16\], got", **FITTING | {"w_h": (4, 12)}),
            bad(ValueError, r"lstm: w_x must be \[3, 16\] to follow x", **FITTING | {"w_x": (2, 16)}),
            bad(ValueError, r"lstm: b must be \[16\], got", **FITTING | {"b": (4,)}),
            bad(TypeError, "lstm: c must have the dtype of x", **FITTING | {"c": of("float32", 2, 4)}),
            bad(TypeError, "lstm: x must be a floating-point array, got int32", **FITTING | {"x": ints(2, 5, 3)}),
            bad(TypeError, r"lstm: lengths must be an array of integers, got float64\[2\]", **FITTING, lengths=(2,)),
            bad(ValueError, r"lstm: lengths must be \[2\] to follow x, got int32\[3\]", **FITTING, lengths=ints(3)),
            bad(TypeError, "lstm: reverse must be True or False, got 1", **FITTING, reverse=1),
        ],
        large=call(x=(32, 128, 256), h=(32, 256), c=(32, 256), w_x=(256, 1024), w_h=(256, 1024), b=(1024,)),
    ),
]
