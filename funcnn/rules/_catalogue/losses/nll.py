"""What `rules/losses/_nll.py` declares."""

import math
from math import inf, nan

from ... import gaussian_nll, poisson_nll
from .._arguments import Uniform
from .._entry import SHAPE, at, bad, call, rule

entries = [
    rule(
        poisson_nll,
        examples=[
            call(prediction=(), target=Uniform((), 0.0, 4.0), full=False),
            call(prediction=(7,), target=Uniform((7,), 0.0, 4.0), full=True),
            call(prediction=(3, 5), target=Uniform((3, 5), 0.0, 4.0), full=False),
            call(prediction=(2, 1, 3), target=Uniform((2, 1, 3), 0.0, 4.0), full=True),
            call(prediction=(0, 3), target=Uniform((0, 3), 0.0, 4.0), full=False),
            call(prediction=(3, 5), target=Uniform((3, 5), 0.0, 4.0), full=True),
            call(prediction=Uniform((3, 5), 0.2, 4.0), target=Uniform((3, 5), 0.0, 4.0), log_input=False),
            call(prediction=Uniform((7,), 0.2, 4.0), target=Uniform((7,), 0.0, 4.0), full=True, log_input=False),
        ],
        saves=["prediction", "target"],
        batched=["prediction", "target"],
        edges=[
            at(prediction=0.0, target=0.0, y=1.0, prediction_bar=1.0, target_bar=0.0),
            at(prediction=-inf, target=0.0, y=0.0, prediction_bar=0.0, target_bar=inf),
            at(prediction=-inf, target=2.0, y=inf, prediction_bar=-2.0, target_bar=inf),
            at(prediction=inf, target=2.0, y=inf, prediction_bar=inf, target_bar=-inf),
            at(prediction=1e30, target=1e300, y=inf, prediction_bar=inf, target_bar=-1e30),
            at(prediction=0.0, target=0.0, log_input=False, y=0.0, prediction_bar=1.0, target_bar=8 * math.log(10)),
            at(prediction=0.0, target=1.0, log_input=False, y=8 * math.log(10), prediction_bar=1 - 1e8),
            at(prediction=inf, target=2.0, log_input=False, y=inf, prediction_bar=1.0, target_bar=-inf),
            at(prediction=0.0, target=0.0, full=True, y=1.0, prediction_bar=1.0, target_bar=0.0),
            at(prediction=0.0, target=1.0, full=True, y=1.0, prediction_bar=0.0, target_bar=0.0),
        ],
        bad=[
            bad(ValueError, r"must be \[3\], the shape of .*, got float64\[4\]", prediction=(3,), target=(4,)),
        ],
        large=call(prediction=SHAPE, target=SHAPE),
    ),
    rule(
        gaussian_nll,
        examples=[
            call(mean=(), target=(), variance=Uniform((), 0.2, 2.0)),
            call(mean=(7,), target=(7,), variance=Uniform((7,), 0.2, 2.0), full=True),
            call(mean=(3, 5), target=(3, 5), variance=Uniform((3, 5), 0.2, 2.0), eps=0.7),
            call(mean=(2, 1, 3), target=(2, 1, 3), variance=Uniform((2, 1, 3), 0.2, 2.0)),
            call(mean=(0, 3), target=(0, 3), variance=Uniform((0, 3), 0.2, 2.0)),
            call(mean=(3, 5), target=(3, 5), variance=Uniform((3, 5), 0.2, 2.0), eps=0.5, full=True),
        ],
        saves=["mean", "target", "variance"],
        batched=["mean", "target", "variance"],
        edges=[
            at(mean=1.0, target=1.0, variance=1.0, y=0.0, mean_bar=0.0, target_bar=0.0, variance_bar=0.5),
            at(
                mean=1.0,
                target=1.0,
                variance=0.0,
                eps=0.5,
                y=math.log(0.5) / 2,
                mean_bar=0.0,
                target_bar=0.0,
                variance_bar=0.0,
            ),
            at(mean=1.0, target=0.0, variance=-3.0, eps=1.0, y=0.5, mean_bar=1.0, target_bar=-1.0, variance_bar=0.0),
            at(
                mean=0.0,
                target=0.0,
                variance=0.5,
                eps=0.5,
                y=math.log(0.5) / 2,
                mean_bar=0.0,
                target_bar=0.0,
                variance_bar=1.0,
            ),
            at(mean=inf, target=0.0, variance=1.0, y=inf, mean_bar=inf, target_bar=-inf, variance_bar=-inf),
            at(mean=inf, target=inf, variance=1.0, y=nan, mean_bar=nan, target_bar=nan, variance_bar=nan),
        ],
        bad=[
            bad(
                ValueError,
                r"variance must be \[3\], the shape of mean, got float64",
                mean=(3,),
                target=(3,),
                variance=(1,),
            ),
            bad(
                ValueError,
                "gaussian_nll: eps must be a number above 0",
                mean=(3,),
                target=(3,),
                variance=(3,),
                eps=-1.0,
            ),
        ],
        large=call(mean=SHAPE, target=SHAPE, variance=Uniform(SHAPE, 0.5, 2.0)),
    ),
]
