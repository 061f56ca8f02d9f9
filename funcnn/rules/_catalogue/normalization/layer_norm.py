"""What `rules/normalization/_layer_norm.py` declares."""

from math import inf, nan

from ... import layer_norm
from .._arguments import ints, of
from .._entry import PER_ROW, SHAPE, WIDTH, at, bad, call, rule

_R = 1e-5**-0.5  # 1 / std of what does not vary

entries = [
    rule(
        layer_norm,
        examples=[
            call(x=(5,), scale=(5,), shift=(5,)),
            call(x=(3, 5), scale=(5,), shift=(5,)),
            call(x=(2, 3, 7), scale=(7,), shift=(7,)),
            call(x=(4, 1), scale=(1,), shift=(1,)),
            call(x=(0, 3), scale=(3,), shift=(3,)),
            call(x=(3, 0), scale=(0,), shift=(0,)),
            call(x=(5,)),
            call(x=(5,), scale=(5,)),
            call(x=(5,), scale=None, shift=(5,)),
            call(x=(3, 5), scale=(5,), shift=(5,), eps=0.5),
        ],
        saves=["x", "scale", "shift", PER_ROW, PER_ROW, PER_ROW],
        edges=[
            at(
                x=[300000000.0, 300000000.0],
                scale=[2.0, 2.0],
                shift=[1.0, -1.0],
                y=[1.0, -1.0],
                x_bar=[0.0, 0.0],
                scale_bar=[0.0, 0.0],
                shift_bar=[1.0, 1.0],
            ),
            at(
                x=[0.1, 0.1, 0.1],
                scale=[1.0, 2.0, 3.0],
                shift=[0.0, 0.0, 0.0],
                y=[0.0, 0.0, 0.0],
                x_bar=[-_R, 0.0, _R],
                scale_bar=[0.0, 0.0, 0.0],
                shift_bar=[1.0, 1.0, 1.0],
            ),
            at(
                x=[1e200, -1e200],
                scale=[1.0, 1.0],
                shift=[2.0, 3.0],
                y=[3.0, 2.0],
                x_bar=[0.0, 0.0],
                scale_bar=[1.0, -1.0],
                shift_bar=[1.0, 1.0],
            ),
            at(
                x=[1.7e308, -1.7e308],
                scale=[1.0, 1.0],
                shift=[2.0, 3.0],
                y=[2.0, 3.0],
                x_bar=[0.0, 0.0],
                scale_bar=[0.0, 0.0],
                shift_bar=[1.0, 1.0],
            ),
            at(x=[inf, 1.0], scale=[1.0, 1.0], shift=[0.0, 0.0], y=[nan, nan], x_bar=[nan, nan]),
            at(x=[nan, 1.0], scale=[1.0, 1.0], shift=[0.0, 0.0], y=[nan, nan], x_bar=[nan, nan]),
        ],
        bad=[
            bad(TypeError, r"layer_norm: x must be a floating-point array, got int32\[3, 5\]", x=ints(3, 5)),
            bad(ValueError, r"layer_norm: x must be \[..., features\], got float64\[\]", x=()),
            bad(ValueError, r"scale must be \[5\] to follow x \[3, 5\], got float64\[3\]", x=(3, 5), scale=(3,)),
            bad(ValueError, r"shift must be \[5\] to follow x \[3, 5\]", x=(3, 5), scale=None, shift=(1, 5)),
            bad(
                TypeError,
                "scale must have the dtype of x, float64",
                x=(3, 5),
                scale=of("bfloat16", 5),
            ),
            bad(ValueError, "layer_norm: eps must be a number above 0, got 0.0", x=(3, 5), eps=0.0),
        ],
        large=call(x=SHAPE, scale=(WIDTH,), shift=(WIDTH,)),
    ),
]
