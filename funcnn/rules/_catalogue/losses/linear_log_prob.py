"""What `rules/losses/_linear_log_prob.py` declares."""

import math
from math import inf, nan

from ... import linear_log_prob
from .._arguments import Classes, ints
from .._entry import PER_ROW, at, bad, call, rule

_OPTIONS = {"u": (5,), "temperature": 0.7, "softcap": 2.0}
_FITS = {"x": (3, 4), "w": (4, 5), "labels": ints(3)}

entries = [
    rule(
        linear_log_prob,
        examples=[
            call(x=(3, 5), w=(5, 4), labels=Classes((3,), 4), b=(4,), u=(4,), chunk=3),
            call(x=(4,), w=(4, 5), labels=Classes((), 5), b=(5,), **_OPTIONS),
            call(x=(2, 3, 2), w=(5, 2), labels=Classes((2, 3), 5), w_transposed=True, chunk=3),
            call(x=(0, 3), w=(3, 5), labels=Classes((0,), 5), chunk=2),
            call(x=(3, 1), w=(1, 1), labels=Classes((3,), 1)),
            call(x=(2, 3, 2), w=(5, 2), labels=Classes((2, 3), 5), b=(5,), w_transposed=True, chunk=2, **_OPTIONS),
        ],
        saves=["x", "w", "labels", "b", "u", PER_ROW, PER_ROW, PER_ROW],
        batched=["x", "labels"],
        edges=[
            at(
                x=[1.0],
                w=[[0.0, 0.0, 0.0]],
                labels=1,
                b=[0.0, 0.0, -inf],
                chunk=2,
                y=(-math.log(2), math.log(2), math.log(2)),
                x_bar=[0.0],
                w_bar=[[0.0, 1.0, 0.0]],
            ),
            at(x=[1.0], w=[[1e30, -1e30]], labels=0, y=(0.0, 1e30, 0.0), x_bar=[1e30], w_bar=[[1.0, 0.0]]),
            at(x=[1.0], w=[[-1e30, 1e30]], labels=1, chunk=1, y=(0.0, 1e30, 0.0), x_bar=[1e30], w_bar=[[0.0, 1.0]]),
            at(x=[0.0], w=[[1.0, 1.0]], labels=2, y=(nan, math.log(2), math.log(2)), x_bar=[nan]),
            at(x=[0.0], w=[[1.0, 1.0]], labels=-1, chunk=1, y=(nan, math.log(2), math.log(2)), x_bar=[nan]),
            at(x=[1.0], w=[[0.0, 0.0]], labels=1, b=[0.0, -inf], y=(-inf, 0.0, 0.0), x_bar=[0.0]),
        ],
        bad=[
            bad(ValueError, r"w must be \[4, classes\] to follow x", x=(3, 4), w=(5, 4), labels=ints(3)),
            bad(ValueError, r"w must be \[classes, 4\]", x=(3, 4), w=(4, 5), labels=ints(3), w_transposed=True),
            bad(ValueError, "w must be .* with at least one class", x=(3, 4), w=(4, 0), labels=ints(3)),
            bad(ValueError, r"b must be \[5\]", b=(4,), **_FITS),
            bad(ValueError, r"u must be \[5\]", u=(4,), **_FITS),
            bad(ValueError, r"labels must be \[3\], a class number a row", x=(3, 4), w=(4, 5), labels=ints(4)),
            bad(TypeError, "labels must be class numbers, an array of integers", x=(3, 4), w=(4, 5), labels=(3,)),
            bad(ValueError, "temperature must be a number above 0, got 0", temperature=0.0, **_FITS),
            bad(ValueError, "softcap must be a number above 0, and finite, or None, got -1", softcap=-1.0, **_FITS),
            bad(ValueError, "softcap must be .* finite, or None, got inf", softcap=inf, **_FITS),
            bad(ValueError, "chunk must be a number of classes above 0, got 0", chunk=0, **_FITS),
            bad(TypeError, "w_transposed must be True or False, got 1", w_transposed=1, **_FITS),
        ],
        large=call(x=(1024, 128), w=(128, 8192), labels=Classes((1024,), 8192)),
        wide=True,
    ),
]
