"""What `rules/losses/_linear_cross_entropy.py` declares."""

import math
from math import inf, nan

from ... import linear_cross_entropy
from .._arguments import Classes, Uniform, ints
from .._entry import at, bad, call, rule

_FITS = {"x": (3, 4), "w": (4, 5), "labels": ints(3)}
_ALL = {"b": (5,), "class_weights": Uniform((5,)), "label_smoothing": 0.1, "z_loss": 0.1, "softcap": 2.0}

entries = [
    rule(
        linear_cross_entropy,
        examples=[
            call(x=(3, 4), w=(4, 5), labels=Classes((3,), 5), b=(5,), weight=(3,), chunk=2),
            call(x=(2, 3, 2), w=(5, 2), labels=Classes((2, 3), 5), weight=(2, 3), w_transposed=True, chunk=2, **_ALL),
            call(x=(4,), w=(4, 5), labels=Classes((), 5), weight=(), chunk=1),
            call(x=(0, 3), w=(3, 5), labels=Classes((0,), 5)),
            call(x=(3, 1), w=(1, 1), labels=Classes((3,), 1)),
            call(x=(5, 2), w=(2, 5), labels=Classes((5,), 5), chunk=2, **_ALL),
        ],
        saves=["x", "w", "b", "weight", "class_weights"],
        batched=["x", "labels", "weight"],
        edges=[
            at(x=[[1.0]], w=[[0.0, 0.0]], labels=[2], y=nan, x_bar=[[nan]]),
            at(x=[[1.0]], w=[[0.0, 0.0]], labels=[0], b=[0.0, -inf], y=0.0, w_bar=[[0.0, 0.0]]),
            at(
                x=[[1.0]],
                w=[[0.0, 0.0]],
                labels=[0],
                b=[0.0, 0.0],
                weight=[0.0],
                y=0.0,
                w_bar=[[0.0, 0.0]],
                weight_bar=[math.log(2)],
            ),
            at(x=[[1.0]], w=[[1e30, -1e30]], labels=[1], y=2e30, x_bar=[[2e30]], w_bar=[[1.0, -1.0]]),
        ],
        bad=[
            bad(ValueError, r"w must be \[4, classes\] to follow x", x=(3, 4), w=(5, 4), labels=ints(3)),
            bad(ValueError, r"class_weights must be \[5\]", class_weights=(4,), **_FITS),
            bad(ValueError, r"weight must be \[3\], a number a row, got", weight=(4,), **_FITS),
            bad(TypeError, "weight must be a floating-point array", weight=ints(3), **_FITS),
            bad(ValueError, r"labels must be \[3\], a class number a row", x=(3, 4), w=(4, 5), labels=ints(4)),
            bad(ValueError, "label_smoothing must be a number from 0 to 1", label_smoothing=2.0, **_FITS),
            bad(ValueError, "z_loss must be a number that is not negative", z_loss=-1.0, **_FITS),
            bad(TypeError, "chunk must be a number of rows or None", chunk=1.5, **_FITS),
        ],
        large=call(x=(1024, 128), w=(128, 8192), labels=Classes((1024,), 8192)),
    ),
]
