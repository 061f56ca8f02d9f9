"""What `rules/normalization/_weight_norm.py` declares."""

from ... import weight_norm
from .._arguments import of
from .._entry import WIDTH, at, bad, call, rule

entries = [
    rule(
        weight_norm,
        examples=[
            call(v=(5, 3), g=(3,)),
            call(v=(5,), g=(5,)),
            call(v=(2, 3, 7), g=(7,)),
            call(v=(1, 2), g=(2,)),
            call(v=(3, 1), g=(1,)),
            call(v=(3, 0), g=(0,)),
        ],
        saves=["v", "g", lambda v, g: v.shape[-1]],
        edges=[
            at(
                v=[[0.0, 3.0], [0.0, 4.0]],
                g=[2.0, 5.0],
                y=[[0.0, 3.0], [0.0, 4.0]],
                v_bar=[[0.0, 0.16], [0.0, -0.12]],
                g_bar=[0.0, 1.4],
            ),
            at(v=[1.0, -2.0], g=[0.0, 3.0], y=[0.0, -3.0], v_bar=[0.0, 0.0], g_bar=[1.0, -1.0]),
        ],
        bad=[
            bad(ValueError, r"g must be \[5\] to follow v \[3, 5\], got float64\[3\]", v=(3, 5), g=(3,)),
            bad(
                TypeError,
                "g must have the dtype of v, float64, got",
                v=(3, 5),
                g=of("float32", 5),
            ),
        ],
        large=call(v=(512, 512), g=(WIDTH,)),
    ),
]
