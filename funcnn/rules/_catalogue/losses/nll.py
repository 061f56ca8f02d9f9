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
            call(log_rate=(), target=Uniform((), 0.0, 4.0), full=False),
            call(log_rate=(7,), target=Uniform((7,), 0.0, 4.0), full=True),
            call(log_rate=(3, 5), target=Uniform((3, 5), 0.0, 4.0), full=False),
            call(log_rate=(2, 1, 3), target=Uniform((2, 1, 3), 0.0, 4.0), full=True),
            call(log_rate=(0, 3), target=Uniform((0, 3), 0.0, 4.0), full=False),
            call(log_rate=(3, 5), target=Uniform((3, 5), 0.0, 4.0), full=True),
        ],
        saves=["log_rate", "target"],
        batched=["log_rate", "target"],
        edges=[
            at(log_rate=0.0, target=0.0, y=1.0, log_rate_bar=1.0, target_bar=0.0),
            at(log_rate=-inf, target=0.0, y=0.0, log_rate_bar=0.0, target_bar=inf),
            at(log_rate=-inf, target=2.0, y=inf, log_rate_bar=-2.0, target_bar=inf),
            at(log_rate=inf, target=2.0, y=inf, log_rate_bar=inf, target_bar=-inf),
            at(log_rate=1e30, target=1e300, y=inf, log_rate_bar=inf, target_bar=-1e30),
            at(log_rate=0.0, target=0.0, full=True, y=1.0, log_rate_bar=1.0, target_bar=0.0),
            at(log_rate=0.0, target=1.0, full=True, y=1.0, log_rate_bar=0.0, target_bar=0.0),
        ],
        bad=[
            bad(ValueError, r"must be \[3\], the shape of .*, got float64\[4\]", log_rate=(3,), target=(4,)),
        ],
        large=call(log_rate=SHAPE, target=SHAPE),
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
