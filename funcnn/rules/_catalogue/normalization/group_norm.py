"""What `rules/normalization/_group_norm.py` declares."""

from math import inf, nan

from ... import group_norm, instance_norm
from .._entry import IMAGES, at, bad, call, rule

entries = [
    rule(
        group_norm,
        examples=[
            call(x=(2, 3, 4), scale=(4,), shift=(4,), groups=2),
            call(x=(3, 6), scale=(6,), shift=(6,), groups=3),
            call(x=(2, 2, 3, 5), scale=(5,), shift=(5,), groups=1),
            call(x=(2, 3, 4), scale=(4,), shift=(4,), groups=4),
            call(x=(1, 5, 2), scale=(2,), shift=(2,), groups=1),
            call(x=(0, 5, 2), scale=(2,), shift=(2,), groups=2),
            call(x=(2, 0, 2), scale=(2,), shift=(2,), groups=1),
            call(x=(2, 3, 4), scale=None, shift=None, groups=2),
            call(x=(2, 3, 4), scale=(4,), shift=None, groups=2),
            call(x=(2, 3, 4), scale=None, shift=(4,), groups=2),
            call(x=(2, 3, 4), scale=(4,), shift=(4,), groups=2, eps=0.5),
        ],
        saves=["x", "scale", "shift", lambda x, *_, groups, **options: 3 * len(x) * groups],
        edges=[
            at(
                x=[[0.1, 0.1, 0.1]],
                scale=[2.0, 2.0, 2.0],
                shift=[1.0, 2.0, 3.0],
                groups=1,
                y=[[1.0, 2.0, 3.0]],
                x_bar=[[0.0, 0.0, 0.0]],
                scale_bar=[0.0, 0.0, 0.0],
                shift_bar=[1.0, 1.0, 1.0],
            ),
            at(
                x=[[300000000.0, inf]], scale=[1.0, 1.0], shift=[0.0, 0.0], groups=2, y=[[0.0, nan]], x_bar=[[0.0, nan]]
            ),
        ],
        bad=[
            bad(
                ValueError,
                "groups must divide the 5 channels of x, got 2",
                x=(2, 3, 5),
                scale=None,
                shift=None,
                groups=2,
            ),
            bad(
                ValueError,
                "groups must divide the 5 channels of x, got 1.0",
                x=(2, 3, 5),
                scale=None,
                shift=None,
                groups=1.0,
            ),
            bad(
                ValueError,
                r"x must be \[batch, \*space, channels\], got float64",
                x=(5,),
                scale=None,
                shift=None,
                groups=1,
            ),
        ],
        large=call(x=IMAGES, scale=(32,), shift=(32,), groups=4),
    ),
    rule(
        instance_norm,
        examples=[
            call(x=(2, 3, 2), scale=(2,), shift=(2,)),
            call(x=(1, 5, 3), scale=(3,), shift=(3,)),
            call(x=(2, 2, 3, 1), scale=(1,), shift=(1,)),
            call(x=(0, 3, 2), scale=(2,), shift=(2,)),
            call(x=(2, 0, 2), scale=(2,), shift=(2,)),
            call(x=(2, 3, 2)),
            call(x=(2, 3, 2), scale=(2,)),
            call(x=(2, 3, 2), scale=None, shift=(2,)),
            call(x=(2, 3, 2), scale=(2,), shift=(2,), eps=0.5),
        ],
        saves=["x", "scale", "shift", lambda x, *_, **options: 3 * len(x) * x.shape[-1]],
        edges=[
            at(
                x=[[[0.1], [0.1], [0.1]]],
                scale=[2.0],
                shift=[1.0],
                y=[[[1.0], [1.0], [1.0]]],
                x_bar=[[[0.0], [0.0], [0.0]]],
                scale_bar=[0.0],
                shift_bar=[3.0],
            ),
            at(x=[[[300000000.0, inf]]], scale=[1.0, 1.0], shift=[0.0, 0.0], y=[[[0.0, nan]]], x_bar=[[[0.0, nan]]]),
        ],
        bad=[
            bad(ValueError, "instance_norm: x must be .* with at least one axis of space, got", x=(3, 5)),
        ],
        large=call(x=IMAGES, scale=(32,), shift=(32,)),
    ),
]
