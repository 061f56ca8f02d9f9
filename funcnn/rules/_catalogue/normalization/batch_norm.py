"""What `rules/normalization/_batch_norm.py` declares."""

from math import inf, nan

from ... import batch_norm, batch_norm_inference
from .._arguments import Uniform, ints
from .._entry import IMAGES, at, bad, call, rule

_R = 1e-5**-0.5  # 1 / std of what does not vary

entries = [
    rule(
        batch_norm,
        examples=[
            call(x=(3, 5), scale=(5,), shift=(5,)),
            call(x=(7, 2), scale=(2,), shift=(2,)),
            call(x=(2, 3, 2, 3), scale=(3,), shift=(3,)),
            call(x=(1, 3), scale=(3,), shift=(3,)),
            call(x=(5, 1), scale=(1,), shift=(1,)),
            call(x=(0, 3), scale=(3,), shift=(3,)),
            call(x=(3, 5)),
            call(x=(3, 5), scale=(5,)),
            call(x=(3, 5), scale=None, shift=(5,)),
            call(x=(3, 5), scale=(5,), shift=(5,), eps=0.5),
        ],
        saves=["x", "scale", "shift", lambda x, *_, **options: 3 * x.shape[-1]],
        edges=[
            at(
                x=[[0.1], [0.1], [0.1]],
                scale=[2.0],
                shift=[1.0],
                y=[[1.0], [1.0], [1.0]],
                x_bar=[[0.0], [0.0], [0.0]],
                scale_bar=[0.0],
                shift_bar=[3.0],
            ),
            at(x=[[300000000.0, inf]], scale=[1.0, 1.0], shift=[0.0, 0.0], y=[[0.0, nan]], x_bar=[[0.0, nan]]),
            at(x=[[1e200], [-1e200]], scale=[1.0], shift=[0.0], y=[[1.0], [-1.0]], x_bar=[[0.0], [0.0]]),
        ],
        bad=[
            bad(ValueError, r"batch_norm: x must be \[batch, \*space, channels\], got float64\[5\]", x=(5,)),
            bad(TypeError, "axis_name must be the name of an axis, or a tuple of na", x=(3, 5), axis_name=0),
        ],
        large=call(x=IMAGES, scale=(32,), shift=(32,)),
    ),
    rule(
        batch_norm_inference,
        examples=[
            call(x=(3, 5), mean=(5,), variance=Uniform((5,), 0.2, 2.0), scale=(5,), shift=(5,)),
            call(x=(7,), mean=(7,), variance=Uniform((7,), 0.2, 2.0), scale=(7,), shift=(7,)),
            call(x=(2, 3, 2), mean=(2,), variance=Uniform((2,), 0.2, 2.0), scale=(2,), shift=(2,)),
            call(x=(5, 1), mean=(1,), variance=Uniform((1,), 0.2, 2.0), scale=(1,), shift=(1,)),
            call(x=(0, 3), mean=(3,), variance=Uniform((3,), 0.2, 2.0), scale=(3,), shift=(3,)),
            call(x=(3, 5), mean=(5,), variance=Uniform((5,), 0.2, 2.0)),
            call(x=(3, 5), mean=(5,), variance=Uniform((5,), 0.2, 2.0), scale=(5,)),
            call(x=(3, 5), mean=(5,), variance=Uniform((5,), 0.2, 2.0), scale=None, shift=(5,)),
            call(x=(3, 5), mean=(5,), variance=Uniform((5,)), scale=(5,), shift=(5,), eps=0.5),
        ],
        saves=["x", "mean", "variance", "scale", "shift"],
        edges=[
            at(
                x=[2.0],
                mean=[2.0],
                variance=[0.0],
                scale=[3.0],
                shift=[1.0],
                y=[1.0],
                x_bar=[3.0 * _R],
                mean_bar=[-3.0 * _R],
                variance_bar=[0.0],
                scale_bar=[0.0],
                shift_bar=[1.0],
            ),
            at(
                x=[2.0],
                mean=[0.0],
                variance=[inf],
                scale=[3.0],
                shift=[1.0],
                y=[1.0],
                x_bar=[0.0],
                mean_bar=[0.0],
                variance_bar=[0.0],
                scale_bar=[0.0],
                shift_bar=[1.0],
            ),
            at(
                x=[1.0],
                mean=[0.0],
                variance=[-1.0],
                scale=[1.0],
                shift=[0.0],
                y=[nan],
                x_bar=[nan],
                mean_bar=[nan],
                variance_bar=[nan],
                scale_bar=[nan],
                shift_bar=[1.0],
            ),
        ],
        bad=[
            bad(ValueError, r"variance must be \[5\] to follow x \[3, 5\]", x=(3, 5), mean=(5,), variance=(3,)),
            bad(TypeError, "mean must be a floating-point array, got int", x=(3, 5), mean=ints(5), variance=(5,)),
        ],
        large=call(x=IMAGES, mean=(32,), variance=Uniform((32,), 0.5, 2.0), scale=(32,), shift=(32,)),
    ),
]
