"""What `rules/losses/_linear_js_divergence.py` declares."""

import math
from math import inf

from ... import linear_js_divergence
from .._arguments import of
from .._entry import at, bad, call, rule

_FITS = {"x": (3, 4), "w": (4, 5), "teacher_x": (3, 2), "teacher_w": (2, 5)}
_TWO = {"x": [[1.0]], "teacher_x": [[1.0]]}

entries = [
    rule(
        linear_js_divergence,
        examples=[
            call(x=(3, 4), w=(4, 5), teacher_x=(3, 2), teacher_w=(2, 5), beta=0.3, chunk=2),
            call(
                x=(2, 3, 2),
                w=(5, 2),
                teacher_x=(2, 3, 4),
                teacher_w=(5, 4),
                temperature=0.7,
                softcap=2.0,
                w_transposed=True,
                chunk=2,
            ),
            call(x=(4,), w=(4, 5), teacher_x=(1,), teacher_w=(1, 5), b=(5,), teacher_b=(5,), beta=0.0),
            call(x=(5, 2), w=(2, 3), teacher_x=(5, 3), teacher_w=(3, 3), teacher_b=(3,), beta=1.0, chunk=3),
            call(x=(0, 3), w=(3, 5), teacher_x=(0, 2), teacher_w=(2, 5)),
            call(x=(3, 1), w=(1, 1), teacher_x=(3, 2), teacher_w=(2, 1)),
        ],
        saves=["x", "w", "teacher_x", "teacher_w", "b", "teacher_b"],
        batched=["x", "teacher_x"],
        edges=[
            at(
                **_TWO,
                w=[[0.0, 0.0]],
                teacher_w=[[0.0, 0.0]],
                b=[0.0, -inf],
                teacher_b=[0.0, -inf],
                y=[0.0],
                w_bar=[[0.0, 0.0]],
                teacher_w_bar=[[0.0, 0.0]],
            ),
            at(
                **_TWO,
                w=[[0.0, -1e30]],
                teacher_w=[[-1e30, 0.0]],
                y=[math.log(2)],
                w_bar=[[0.0, 0.0]],
                teacher_w_bar=[[0.0, 0.0]],
            ),
            at(**_TWO, w=[[0.0, -1e30]], teacher_w=[[0.0, 0.0]], beta=0.0, y=[5e29], w_bar=[[0.5, -0.5]]),
            at(**_TWO, w=[[0.0, 0.0]], teacher_w=[[0.0, 0.0]], b=[0.0, -inf], beta=0.0, y=[inf], w_bar=[[0.5, -0.5]]),
            at(
                **_TWO,
                w=[[0.0, 0.0]],
                teacher_w=[[0.0, 0.0]],
                b=[0.0, -inf],
                beta=1.0,
                y=[math.log(2)],
                w_bar=[[0.0, 0.0]],
                teacher_w_bar=[[-0.5, 0.5]],
            ),
        ],
        bad=[
            bad(ValueError, r"w must be \[4, classes\] to follow x", **_FITS | {"w": (5, 4)}),
            bad(ValueError, r"teacher_x must be \[3, m\] to follow x", **_FITS | {"teacher_x": (2, 2)}),
            bad(ValueError, r"teacher_w must be \[2, 5\] to follow", **_FITS | {"teacher_w": (2, 4)}),
            bad(ValueError, r"teacher_b must be \[5\]", teacher_b=(4,), **_FITS),
            bad(TypeError, "teacher_x must have the dtype of x", **_FITS | {"teacher_x": of("float32", 3, 2)}),
            bad(ValueError, "beta must be a number from 0 to 1, got 1.5", beta=1.5, **_FITS),
            bad(ValueError, "temperature must be a number above 0, got 0", temperature=0.0, **_FITS),
            bad(TypeError, "chunk must be a number of rows or None", chunk=1.5, **_FITS),
        ],
        large=call(x=(512, 128), w=(128, 8192), teacher_x=(512, 128), teacher_w=(128, 8192)),
    ),
]
