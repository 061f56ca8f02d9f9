"""What `rules/recurrent/_gru.py` declares."""

from ... import gru
from .._arguments import Classes, ints
from .._entry import OUTPUT, bad, call, rule

FITTING = {"x": (2, 5, 3), "h": (2, 4), "w_x": (3, 12), "w_h": (4, 12), "b_x": (12,), "b_h": (12,)}
SMALL = {"h": (2, 1), "w_x": (3, 3), "w_h": (1, 3), "b_x": None}


def gates_and_product(x, h, *rest, **options):
    """Four numbers a step and feature."""
    return 4 * x.shape[1] * h.size


entries = [
    rule(
        gru,
        examples=[
            call(**FITTING),
            call(x=(2, 3, 3), **SMALL, b_h=(3,), lengths=Classes((2,), 5), reverse=True),
            call(x=(1, 7, 1), h=(1, 2), w_x=(1, 6), w_h=(2, 6), b_x=(6,), b_h=None, lengths=Classes((1,), 7)),
            call(x=(2, 0, 3), **SMALL, b_h=None),
        ],
        saves=["x", "h", "w_x", "w_h", "b_x", "b_h", "lengths", OUTPUT, gates_and_product],
        batched=["x", "h", "lengths"],
        bad=[
            bad(ValueError, r"gru: h must be \[2, 4\] to follow", **FITTING | {"h": (2, 3)}),
            bad(ValueError, r"gru: w_h must be \[features, 12\], got", **FITTING | {"w_h": (4, 4)}),
            bad(ValueError, r"gru: b_h must be \[12\], got", **FITTING | {"b_h": (4,)}),
            bad(ValueError, r"gru: lengths must be \[2\] to follow x, got int32\[3\]", **FITTING, lengths=ints(3)),
            bad(TypeError, "gru: reverse must be True or False, got 1", **FITTING, reverse=1),
        ],
        large=call(x=(32, 128, 256), h=(32, 256), w_x=(256, 768), w_h=(256, 768), b_x=(768,), b_h=(768,)),
    ),
]
