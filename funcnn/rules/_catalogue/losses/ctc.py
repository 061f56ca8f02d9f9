"""What `rules/losses/_ctc.py` declares."""

import math
from math import inf, nan

from ... import ctc
from .._arguments import Classes, ints
from .._entry import PER_ROW, at, bad, call, rule

_FITS = {"logits": (2, 5, 4), "labels": ints(2, 3)}
_EVEN = [[[0.0, 0.0], [0.0, 0.0]]]  # two frames, each class of probability 1/2


def _shares(logits, labels, *_, **__):
    """Two numbers for each frame and number of labels, and the loss."""
    batch, time, _ = logits.shape
    return batch * (2 * time * (labels.shape[1] + 1) + 1)


entries = [
    rule(
        ctc,
        examples=[
            call(
                logits=(2, 5, 3),
                labels=Classes((2, 2), 3, low=1),
                logit_lengths=Classes((2,), 7, low=3),
                label_lengths=Classes((2,), 4),
            ),
            call(logits=(3, 5, 3), labels=Classes((3, 3), 2), blank=2),
            call(logits=(2, 7, 4), labels=Classes((2, 3), 4), logit_lengths=Classes((2,), 8)),
            call(logits=(2, 3, 2), labels=Classes((2, 0), 2)),
            call(logits=(2, 0, 3), labels=Classes((2, 1), 3), label_lengths=Classes((2,), 2)),
            call(logits=(0, 2, 3), labels=Classes((0, 1), 3)),
            call(logits=(1, 2, 1), labels=Classes((1, 1), 1)),
        ],
        saves=["logits", "labels", "logit_lengths", "label_lengths", PER_ROW, PER_ROW, _shares],
        batched=["logits", "labels", "logit_lengths", "label_lengths"],
        edges=[
            at(logits=_EVEN, labels=[[1]], y=[math.log(4 / 3)], logits_bar=[[[1 / 6, -1 / 6]] * 2]),
            at(logits=_EVEN, labels=[[1, 1]], y=[inf], logits_bar=[[[0.0, 0.0]] * 2]),
            at(logits=_EVEN, labels=[[0]], y=[inf], logits_bar=[[[0.0, 0.0]] * 2]),
            at(logits=_EVEN, labels=[[2]], y=[inf], logits_bar=[[[0.0, 0.0]] * 2]),
            at(logits=_EVEN, labels=[[-1]], label_lengths=[0], y=[math.log(4)], logits_bar=[[[-0.5, 0.5]] * 2]),
            at(logits=_EVEN, labels=[[1]], logit_lengths=[0], y=[inf], logits_bar=[[[0.0, 0.0]] * 2]),
            at(
                logits=[[[0.0, 0.0], [nan, inf]]],
                labels=[[1, 2]],
                logit_lengths=[1],
                label_lengths=[1],
                y=[math.log(2)],
                logits_bar=[[[0.5, -0.5], [0.0, 0.0]]],
            ),
            at(
                logits=_EVEN,
                labels=[[1]],
                logit_lengths=[9],
                label_lengths=[9],
                y=[math.log(4 / 3)],
                logits_bar=[[[1 / 6, -1 / 6]] * 2],
            ),
            at(
                logits=_EVEN,
                labels=[[1]],
                logit_lengths=[-1],
                label_lengths=[-1],
                y=[0.0],
                logits_bar=[[[0.0, 0.0]] * 2],
            ),
            at(logits=[[[0.0, -inf]]], labels=[[1]], y=[inf], logits_bar=[[[0.0, 0.0]]]),
            at(logits=[[[-inf, -inf]]], labels=[[1]], y=[inf], logits_bar=[[[0.0, 0.0]]]),
            at(logits=[[[0.0, -inf]]], labels=[[1]], label_lengths=[0], y=[0.0], logits_bar=[[[0.0, 0.0]]]),
            at(logits=[[[1e20, 0.0]]], labels=[[1]], y=[1e20], logits_bar=[[[1.0, -1.0]]]),
            at(logits=[[[1e30, 0.0]]], labels=[[1]], y=[inf], logits_bar=[[[0.0, 0.0]]]),
            at(logits=[[[inf, 0.0]]], labels=[[1]], y=[nan], logits_bar=[[[nan, nan]]]),
            at(logits=[[[0.0, inf, 0.0]]], labels=[[1]], y=[nan], logits_bar=[[[nan, nan, nan]]]),
        ],
        bad=[
            bad(
                ValueError,
                r"logits must be \[batch, time, classes\] with at least one",
                logits=(5, 4),
                labels=ints(5, 3),
            ),
            bad(ValueError, "logits must be .* with at least one class", logits=(2, 5, 0), labels=ints(2, 3)),
            bad(TypeError, "logits must be a floating-point array", logits=ints(2, 5, 4), labels=ints(2, 3)),
            bad(
                ValueError,
                r"labels must be \[2, n\], a row for each of logits, got",
                logits=(2, 5, 4),
                labels=ints(3, 3),
            ),
            bad(ValueError, r"labels must be \[2, n\]", logits=(2, 5, 4), labels=ints(2)),
            bad(
                TypeError, r"labels must be an array of integers, got .*astype\('int32", logits=(2, 5, 4), labels=(2, 3)
            ),
            bad(TypeError, "labels must be an array of integers, got a list", logits=(2, 5, 4), labels=[[0], [1]]),
            bad(ValueError, r"logit_lengths must be \[2\], a row for each", logit_lengths=ints(3), **_FITS),
            bad(TypeError, "logit_lengths must be an array of integers", logit_lengths=(2,), **_FITS),
            bad(ValueError, r"label_lengths must be \[2\], a row for each", label_lengths=ints(2, 1), **_FITS),
            bad(ValueError, "blank must be a class number from 0 to 3, got 4", blank=4, **_FITS),
            bad(TypeError, "blank must be a class number, got True", blank=True, **_FITS),
        ],
        large=call(
            logits=(32, 500, 64),
            labels=Classes((32, 60), 63),
            logit_lengths=None,
            label_lengths=Classes((32,), 61),
            blank=63,
        ),
    ),
]
