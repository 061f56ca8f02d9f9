"""What `rules/losses/_regression.py` declares."""

from math import inf, nan

from ... import absolute_error, huber, log_cosh, squared_error
from .._arguments import ints
from .._entry import SHAPE, at, bad, call, rule

_CALLS = [
    call(prediction=(), target=()),
    call(prediction=(7,), target=(7,)),
    call(prediction=(3, 5), target=(3, 5)),
    call(prediction=(2, 1, 3), target=(2, 1, 3)),
    call(prediction=(0, 3), target=(0, 3)),
]

entries = [
    rule(
        squared_error,
        examples=_CALLS,
        saves=["prediction", "target"],
        batched=["prediction", "target"],
        edges=[
            at(prediction=1.0, target=1.0, y=0.0, prediction_bar=0.0, target_bar=0.0),
            at(prediction=inf, target=0.0, y=inf, prediction_bar=inf, target_bar=-inf),
            at(prediction=inf, target=inf, y=nan, prediction_bar=nan, target_bar=nan),
        ],
        bad=[
            bad(
                ValueError,
                r"target must be \[3\], the shape of prediction, got float64",
                prediction=(3,),
                target=(3, 1),
            ),
            bad(TypeError, "target must be a floating-point array", prediction=(3,), target=ints(3)),
        ],
        large=call(prediction=SHAPE, target=SHAPE),
    ),
    rule(
        absolute_error,
        examples=_CALLS,
        saves=["prediction", "target"],
        batched=["prediction", "target"],
        edges=[
            at(prediction=1.0, target=1.0, y=0.0, prediction_bar=0.0, target_bar=0.0),
            at(prediction=-inf, target=0.0, y=inf, prediction_bar=-1.0, target_bar=1.0),
            at(prediction=inf, target=inf, y=nan, prediction_bar=nan, target_bar=nan),
        ],
        bad=[
            bad(ValueError, r"must be \[3\], the shape of .*, got float64\[4\]", prediction=(3,), target=(4,)),
            bad(
                TypeError,
                "absolute_error: prediction must be a floating-point arra",
                prediction=ints(3),
                target=ints(3),
            ),
        ],
        large=call(prediction=SHAPE, target=SHAPE),
    ),
    rule(
        huber,
        examples=[
            *_CALLS,
            call(prediction=(3, 5), target=(3, 5), delta=0.1),
            call(prediction=(3, 5), target=(3, 5), delta=3.0),
        ],
        saves=["prediction", "target"],
        batched=["prediction", "target"],
        edges=[
            at(prediction=1.0, target=1.0, y=0.0, prediction_bar=0.0, target_bar=0.0),
            at(prediction=3.0, target=1.0, delta=2.0, y=2.0, prediction_bar=2.0, target_bar=-2.0),
            at(prediction=1.0, target=3.0, delta=2.0, y=2.0, prediction_bar=-2.0, target_bar=2.0),
            at(prediction=inf, target=0.0, y=inf, prediction_bar=1.0, target_bar=-1.0),
            at(prediction=1e30, target=0.0, y=1e30, prediction_bar=1.0, target_bar=-1.0),
            at(prediction=inf, target=inf, y=nan, prediction_bar=nan, target_bar=nan),
        ],
        bad=[
            bad(ValueError, r"must be \[3\], the shape of .*, got float64\[4\]", prediction=(3,), target=(4,)),
            bad(
                ValueError, r"huber: delta must be a number above 0, got 0\.0", prediction=(3,), target=(3,), delta=0.0
            ),
        ],
        large=call(prediction=SHAPE, target=SHAPE),
    ),
    rule(
        log_cosh,
        examples=_CALLS,
        saves=["prediction", "target"],
        batched=["prediction", "target"],
        edges=[
            at(prediction=1.0, target=1.0, y=0.0, prediction_bar=0.0, target_bar=0.0),
            at(prediction=1e-20, target=0.0, y=5e-41, prediction_bar=1e-20, target_bar=-1e-20),
            at(prediction=1e30, target=0.0, y=1e30, prediction_bar=1.0, target_bar=-1.0),
            at(prediction=-inf, target=0.0, y=inf, prediction_bar=-1.0, target_bar=1.0),
            at(prediction=inf, target=inf, y=nan, prediction_bar=nan, target_bar=nan),
        ],
        bad=[
            bad(ValueError, r"must be \[3\], the shape of .*, got float64\[4\]", prediction=(3,), target=(4,)),
        ],
        large=call(prediction=SHAPE, target=SHAPE),
    ),
]
