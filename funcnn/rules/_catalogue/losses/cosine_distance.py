"""What `rules/losses/_cosine_distance.py` declares."""

from ... import cosine_distance
from .._entry import SHAPE, at, bad, call, rule

entries = [
    rule(
        cosine_distance,
        examples=[
            call(prediction=(5,), target=(5,)),
            call(prediction=(3, 5), target=(3, 5)),
            call(prediction=(2, 3, 7), target=(2, 3, 7)),
            call(prediction=(4, 1), target=(4, 1)),
            call(prediction=(0, 3), target=(0, 3)),
            call(prediction=(3, 5), target=(3, 5), eps=4.0),
        ],
        saves=["prediction", "target"],
        batched=["prediction", "target"],
        edges=[
            at(
                prediction=[0.0, 0.0],
                target=[3.0, 4.0],
                eps=1.0,
                y=1.0,
                prediction_bar=[-0.6, -0.8],
                target_bar=[0.0, 0.0],
            ),
            at(prediction=[0.0, 0.0], target=[0.0, 0.0], y=1.0, prediction_bar=[0.0, 0.0], target_bar=[0.0, 0.0]),
            at(prediction=[2.0], target=[3.0], y=0.0, prediction_bar=[0.0], target_bar=[0.0]),
            at(prediction=[1.0, 0.0], target=[0.0, 2.0], y=1.0, prediction_bar=[0.0, -1.0], target_bar=[-0.5, 0.0]),
            at(
                prediction=[1e200, 1e200],
                target=[1e200, 0.0],
                y=1 - 0.5**0.5,
                prediction_bar=[-(0.5**1.5) / 1e200, 0.5**1.5 / 1e200],
                target_bar=[0.0, -(0.5**0.5) / 1e200],
            ),
        ],
        bad=[
            bad(ValueError, r"must be \[3\], the shape of .*, got float64\[4\]", prediction=(3,), target=(4,)),
            bad(ValueError, r"must be \[\.\.\., .*\], got float64\[\]", prediction=(), target=()),
            bad(ValueError, "eps must be a number above 0", prediction=(3,), target=(3,), eps=0.0),
        ],
        large=call(prediction=SHAPE, target=SHAPE),
    ),
]
