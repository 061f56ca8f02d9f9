"""What `rules/normalization/_rms_norm.py` declares."""

from math import inf, nan

from ... import fused_add_rms_norm, rms_norm
from .._arguments import ints
from .._entry import PER_ROW, SHAPE, WIDTH, at, bad, call, rule

entries = [
    rule(
        rms_norm,
        examples=[
            call(x=(5,), scale=(5,)),
            call(x=(3, 5), scale=(5,)),
            call(x=(2, 3, 7), scale=(7,)),
            call(x=(4, 1), scale=(1,)),
            call(x=(0, 3), scale=(3,)),
            call(x=(3, 0), scale=(0,)),
            call(x=(3, 5)),
            call(x=(3, 5), scale=(5,), eps=0.5),
        ],
        saves=["x", "scale", PER_ROW],
        edges=[
            at(x=[0.0, 0.0], scale=[1.0, -2.0], y=[0.0, 0.0], x_bar=[1000.0, -2000.0], scale_bar=[0.0, 0.0]),
            at(x=[1e200, 1.0], scale=[1.0, 1.0], y=[0.0, 0.0], x_bar=[0.0, 0.0], scale_bar=[0.0, 0.0]),
            at(x=[inf, 1.0], scale=[1.0, 1.0], y=[nan, 0.0], x_bar=[nan, nan]),
            at(x=[nan, 1.0], scale=[1.0, 1.0], y=[nan, nan], x_bar=[nan, nan]),
        ],
        bad=[
            bad(ValueError, "rms_norm: eps must be a number above 0, got -1", x=(3, 5), scale=(5,), eps=-1),
            bad(TypeError, "rms_norm: scale must be a floating-point array, got int32", x=(3, 5), scale=ints(5)),
        ],
        large=call(x=SHAPE, scale=(WIDTH,)),
    ),
    rule(
        fused_add_rms_norm,
        examples=[
            call(x=(3, 5), residual=(3, 5), scale=(5,)),
            call(x=(5,), residual=(5,)),
            call(x=(2, 3, 7), residual=(2, 3, 7), scale=(7,), eps=0.5),
            call(x=(0, 3), residual=(0, 3), scale=(3,)),
            call(x=(4, 1), residual=(4, 1), scale=(1,)),
        ],
        saves=["x", "scale", PER_ROW],
        batched=["x", "residual"],
        edges=[
            at(x=[1.0, 2.0], residual=[-1.0, -2.0], y=([0.0, 0.0], [0.0, 0.0]), x_bar=[1001.0, 1001.0]),
            at(x=[inf, 1.0], residual=[0.0, 0.0], y=([nan, 0.0], [inf, 1.0]), x_bar=[nan, nan]),
        ],
        bad=[
            bad(ValueError, r"residual must be \[3, 5\], the shape of x", x=(3, 5), residual=(3, 4), scale=(5,)),
            bad(
                ValueError, "fused_add_rms_norm: eps must be a number above 0, got 0", x=(3, 5), residual=(3, 5), eps=0
            ),
        ],
        large=call(x=SHAPE, residual=SHAPE, scale=(WIDTH,)),
    ),
]
