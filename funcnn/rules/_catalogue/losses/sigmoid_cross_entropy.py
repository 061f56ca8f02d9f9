"""What `rules/losses/_sigmoid_cross_entropy.py` declares."""

import math
from math import inf, nan

from ... import focal, sigmoid_cross_entropy
from .._arguments import Simplex, Uniform, of
from .._entry import SHAPE, at, bad, call, rule

entries = [
    rule(
        sigmoid_cross_entropy,
        examples=[
            call(logits=(7,), labels=Simplex((7,))),
            call(logits=(3, 5), labels=Simplex((3, 5))),
            call(logits=(2, 1, 3), labels=Simplex((2, 1, 3))),
            call(logits=(0, 3), labels=Simplex((0, 3))),
            call(logits=(), labels=Uniform(()), pos_weight=()),
            call(logits=(3, 5), labels=Uniform((3, 5)), pos_weight=()),
            call(logits=(2, 3, 5), labels=Uniform((2, 3, 5)), pos_weight=Uniform((5,))),
        ],
        saves=["logits", "labels", "pos_weight"],
        batched=["logits", "labels"],
        edges=[
            at(logits=inf, labels=1.0, y=0.0, logits_bar=0.0),
            at(logits=-inf, labels=0.0, y=0.0, logits_bar=0.0),
            at(logits=1e30, labels=1.0, y=0.0, logits_bar=0.0),
            at(logits=inf, labels=0.0, y=inf, logits_bar=1.0),
            at(logits=0.0, labels=0.5, y=math.log(2), logits_bar=0.0, labels_bar=0.0),
            at(logits=-inf, labels=1.0, pos_weight=3.0, y=inf, logits_bar=-3.0, labels_bar=inf, pos_weight_bar=inf),
            at(logits=-inf, labels=1.0, pos_weight=0.0, y=0.0, logits_bar=0.0, pos_weight_bar=inf),
            at(logits=nan, labels=1.0, pos_weight=0.0, y=0.0, logits_bar=0.0),
            at(logits=nan, labels=1.0, pos_weight=1.0, y=nan, logits_bar=nan),
            at(logits=-inf, labels=0.0, pos_weight=3.0, y=0.0, logits_bar=0.0, labels_bar=inf, pos_weight_bar=0.0),
        ],
        bad=[
            bad(
                TypeError,
                "labels must have the dtype of lo",
                logits=(3,),
                labels=of("bfloat16", 3),
            ),
            bad(
                ValueError, r"pos_weight must be \[\] or \[5\] to follo", logits=(3, 5), labels=(3, 5), pos_weight=(3,)
            ),
        ],
        large=call(logits=SHAPE, labels=Simplex(SHAPE)),
    ),
    rule(
        focal,
        examples=[
            call(logits=(7,), labels=Simplex((7,)), alpha=None),
            call(logits=(3, 5), labels=Simplex((3, 5)), alpha=0.25),
            call(logits=(2, 1, 3), labels=Simplex((2, 1, 3)), alpha=0.5),
            call(logits=(0, 3), labels=Simplex((0, 3)), alpha=None),
            call(logits=(3, 5), labels=Uniform((3, 5)), gamma=0.0, alpha=0.25),
            call(logits=(3, 5), labels=Uniform((3, 5)), gamma=0.5, alpha=0.25),
            call(logits=(3, 5), labels=Uniform((3, 5)), gamma=1.0, alpha=0.25),
            call(logits=(3, 5), labels=Uniform((3, 5)), gamma=5, alpha=0.25),
            call(logits=(5, 1), labels=Simplex((5, 1)), gamma=1.5),
        ],
        saves=["logits", "labels"],
        batched=["logits", "labels"],
        edges=[
            at(logits=1000.0, labels=1.0, gamma=0.0, y=0.0, logits_bar=0.0),
            at(logits=-1000.0, labels=0.0, gamma=0.0, y=0.0, logits_bar=0.0),
            at(logits=1000.0, labels=1.0, gamma=0.5, y=0.0, logits_bar=0.0),
            at(logits=-1000.0, labels=0.0, gamma=0.5, y=0.0, logits_bar=0.0),
            at(logits=1000.0, labels=1.0, gamma=2.0, y=0.0, logits_bar=0.0),
            at(logits=-1000.0, labels=0.0, gamma=2.0, y=0.0, logits_bar=0.0),
            at(logits=1e30, labels=1.0, gamma=0.0, y=0.0, logits_bar=0.0),
            at(logits=-1e30, labels=0.0, gamma=0.0, y=0.0, logits_bar=0.0),
            at(logits=1e30, labels=1.0, gamma=0.5, y=0.0, logits_bar=0.0),
            at(logits=-1e30, labels=0.0, gamma=0.5, y=0.0, logits_bar=0.0),
            at(logits=1e30, labels=1.0, gamma=2.0, y=0.0, logits_bar=0.0),
            at(logits=-1e30, labels=0.0, gamma=2.0, y=0.0, logits_bar=0.0),
            at(logits=inf, labels=1.0, gamma=0.0, y=0.0, logits_bar=0.0),
            at(logits=-inf, labels=0.0, gamma=0.0, y=0.0, logits_bar=0.0),
            at(logits=inf, labels=1.0, gamma=0.5, y=0.0, logits_bar=0.0),
            at(logits=-inf, labels=0.0, gamma=0.5, y=0.0, logits_bar=0.0),
            at(logits=inf, labels=1.0, gamma=2.0, y=0.0, logits_bar=0.0),
            at(logits=-inf, labels=0.0, gamma=2.0, y=0.0, logits_bar=0.0),
            at(logits=-1e30, labels=1.0, gamma=0.0, y=1e30, logits_bar=-1.0),
            at(logits=1e30, labels=0.0, gamma=0.0, y=1e30, logits_bar=1.0),
            at(logits=-1e30, labels=1.0, gamma=0.5, y=1e30, logits_bar=-1.0),
            at(logits=1e30, labels=0.0, gamma=0.5, y=1e30, logits_bar=1.0),
            at(logits=-1e30, labels=1.0, gamma=2.0, y=1e30, logits_bar=-1.0),
            at(logits=1e30, labels=0.0, gamma=2.0, y=1e30, logits_bar=1.0),
            at(logits=inf, labels=0.0, y=inf, logits_bar=1.0),
            at(logits=-inf, labels=1.0, alpha=0.25, y=inf, logits_bar=-0.25),
            at(logits=-inf, labels=1.0, alpha=0.0, y=0.0, logits_bar=0.0),
            at(logits=1000.0, labels=1.0, y=0.0, logits_bar=0.0, labels_bar=0.0),
            at(logits=nan, labels=0.0, y=nan, logits_bar=nan),
            at(logits=0.0, labels=0.5, y=math.log(2) / 4, logits_bar=0.0, labels_bar=0.0),
        ],
        bad=[
            bad(ValueError, r"must be \[3\], the shape of .*, got float64\[4\]", logits=(3,), labels=(4,)),
            bad(
                ValueError,
                r"focal: gamma must be a number that is not negative, got -1\.0",
                logits=(3,),
                labels=(3,),
                gamma=-1.0,
            ),
            bad(
                ValueError,
                "focal: alpha must be a number from 0 to 1, got 2",
                logits=(3,),
                labels=(3,),
                gamma=2.0,
                alpha=2,
            ),
        ],
        large=call(logits=SHAPE, labels=Simplex(SHAPE)),
    ),
]
