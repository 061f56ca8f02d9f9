"""What `rules/losses/_kl_divergence.py` declares."""

from math import inf, nan

from ... import kl_divergence
from .._arguments import Simplex
from .._entry import SHAPE, at, bad, call, rule

entries = [
    rule(
        kl_divergence,
        examples=[
            call(log_predictions=(5,), targets=Simplex((5,))),
            call(log_predictions=(3, 5), targets=Simplex((3, 5))),
            call(log_predictions=(2, 3, 7), targets=Simplex((2, 3, 7))),
            call(log_predictions=(4, 1), targets=Simplex((4, 1))),
            call(log_predictions=(0, 3), targets=Simplex((0, 3))),
            call(log_predictions=(5,), targets=(5,), log_targets=True),
            call(log_predictions=(3, 5), targets=(3, 5), log_targets=True),
        ],
        saves=["log_predictions", "targets"],
        batched=["log_predictions", "targets"],
        edges=[
            at(
                log_predictions=[-1.0, 0.0],
                targets=[0.0, 1.0],
                y=0.0,
                log_predictions_bar=[0.0, -1.0],
                targets_bar=[0.0, 1.0],
            ),
            at(
                log_predictions=[-inf, 0.0],
                targets=[0.0, 1.0],
                y=0.0,
                log_predictions_bar=[0.0, -1.0],
                targets_bar=[0.0, 1.0],
            ),
            at(
                log_predictions=[-inf, 0.0],
                targets=[1.0, 0.0],
                y=inf,
                log_predictions_bar=[-1.0, 0.0],
                targets_bar=[inf, 0.0],
            ),
            at(
                log_predictions=[inf, -inf],
                targets=[0.5, 0.5],
                y=nan,
                log_predictions_bar=[-0.5, -0.5],
                targets_bar=[-inf, inf],
            ),
            at(
                log_predictions=[-inf, 0.0],
                targets=[-inf, 0.0],
                log_targets=True,
                y=0.0,
                log_predictions_bar=[0.0, -1.0],
                targets_bar=[0.0, 1.0],
            ),
            at(
                log_predictions=[0.0, 0.0],
                targets=[-1e30, 0.0],
                log_targets=True,
                y=0.0,
                log_predictions_bar=[0.0, -1.0],
                targets_bar=[0.0, 1.0],
            ),
        ],
        bad=[
            bad(ValueError, r"must be \[3\], the shape of .*, got float64\[4\]", log_predictions=(3,), targets=(4,)),
            bad(ValueError, r"must be \[\.\.\., .*\], got float64\[\]", log_predictions=(), targets=()),
        ],
        large=call(log_predictions=SHAPE, targets=Simplex(SHAPE)),
    ),
]
