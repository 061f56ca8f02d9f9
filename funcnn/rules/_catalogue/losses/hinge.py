"""What `rules/losses/_hinge.py` declares."""

from math import inf, nan

from ... import hinge, multiclass_hinge
from .._arguments import Classes, Signs, ints
from .._entry import ROWS, SHAPE, at, bad, call, rule

entries = [
    rule(
        hinge,
        examples=[
            call(prediction=(), target=Signs(())),
            call(prediction=(7,), target=Signs((7,))),
            call(prediction=(3, 5), target=Signs((3, 5))),
            call(prediction=(2, 1, 3), target=Signs((2, 1, 3))),
            call(prediction=(0, 3), target=Signs((0, 3))),
        ],
        saves=["prediction", "target"],
        batched=["prediction", "target"],
        edges=[
            at(prediction=1.0, target=1.0, y=0.0, prediction_bar=0.0, target_bar=0.0),
            at(prediction=-1.0, target=-1.0, y=0.0, prediction_bar=0.0, target_bar=0.0),
            at(prediction=0.0, target=1.0, y=1.0, prediction_bar=-1.0, target_bar=0.0),
            at(prediction=inf, target=1.0, y=0.0, prediction_bar=0.0, target_bar=0.0),
            at(prediction=inf, target=-1.0, y=inf, prediction_bar=1.0, target_bar=-inf),
        ],
        bad=[
            bad(ValueError, r"must be \[3\], the shape of .*, got float64\[4\]", prediction=(3,), target=(4,)),
        ],
        large=call(prediction=SHAPE, target=Signs(SHAPE)),
    ),
    rule(
        multiclass_hinge,
        examples=[
            call(scores=(5,), labels=Classes((), 5)),
            call(scores=(3, 5), labels=Classes((3,), 5)),
            call(scores=(2, 3, 7), labels=Classes((2, 3), 7)),
            call(scores=(4, 1), labels=Classes((4,), 1)),
            call(scores=(0, 3), labels=Classes((0,), 3)),
            call(scores=(3, 5), labels=Classes((3,), 5), margin=0.1),
            call(scores=(3, 5), labels=Classes((3,), 5), margin=0.0),
            call(scores=(3, 5), labels=Classes((3,), 5), margin=3),
            call(scores=(3, 5), labels=Classes((3,), 5), margin=-0.5),
        ],
        saves=["scores", "labels"],
        batched=["scores", "labels"],
        edges=[
            at(scores=[2.0, 1.0, 1.0], labels=0, y=0.0, scores_bar=[0.0, 0.0, 0.0]),
            at(scores=[1.0, 1.0, 1.0], labels=0, y=2.0, scores_bar=[-2.0, 1.0, 1.0]),
            at(scores=[1.0, 1.0], labels=1, margin=0.0, y=0.0, scores_bar=[0.0, 0.0]),
            at(scores=[0.0, 0.0], labels=2, y=nan, scores_bar=[0.0, 0.0]),
            at(scores=[0.0, 0.0], labels=-1, y=nan, scores_bar=[0.0, 0.0]),
            at(scores=[0.0, -inf], labels=0, y=0.0, scores_bar=[0.0, 0.0]),
            at(scores=[inf, 0.0], labels=0, y=0.0, scores_bar=[0.0, 0.0]),
            at(scores=[inf, 0.0], labels=1, y=inf, scores_bar=[1.0, -1.0]),
            at(scores=[inf, inf], labels=0, y=nan, scores_bar=[0.0, 0.0]),
        ],
        bad=[
            bad(TypeError, "labels must be class numbers, an array of integers, got f", scores=(3, 5), labels=(3,)),
            bad(ValueError, "scores must be .* with at least one class", scores=(3, 0), labels=ints(3)),
            bad(ValueError, r"labels must be \[3\], a class number a row, got int3", scores=(3, 5), labels=ints(5)),
        ],
        large=call(scores=SHAPE, labels=Classes((ROWS,), 512)),
    ),
]
