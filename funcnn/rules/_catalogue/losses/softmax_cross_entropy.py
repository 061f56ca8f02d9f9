"""What `rules/losses/_softmax_cross_entropy.py` declares."""

import math
from math import inf, nan

from ... import softmax_cross_entropy, softmax_cross_entropy_with_z
from .._arguments import Classes, Simplex, Uniform, ints, of
from .._entry import PER_ROW, ROWS, SHAPE, at, bad, call, rule

_CALLS = [
    call(logits=(5,), labels=Classes((), 5)),
    call(logits=(3, 5), labels=Classes((3,), 5)),
    call(logits=(2, 3, 7), labels=Classes((2, 3), 7)),
    call(logits=(4, 1), labels=Classes((4,), 1)),
    call(logits=(0, 3), labels=Classes((0,), 3)),
    call(logits=(5,), labels=Simplex((5,))),
    call(logits=(3, 5), labels=Simplex((3, 5))),
    call(logits=(2, 3, 7), labels=Simplex((2, 3, 7))),
    call(logits=(4, 1), labels=Simplex((4, 1))),
    call(logits=(0, 3), labels=Simplex((0, 3))),
    call(logits=(3, 5), labels=(3, 5)),
    call(logits=(3, 5), labels=Classes((3,), 5), class_weights=Uniform((5,)), label_smoothing=0.1, ignore=2),
    call(logits=(2, 3, 5), labels=Classes((2, 3), 5), ignore=-100),
    call(logits=(3, 5), labels=Classes((3,), 5), class_weights=Uniform((5,))),
    call(logits=(3, 5), labels=Simplex((3, 5)), class_weights=Uniform((5,)), label_smoothing=0.3),
]

entries = [
    rule(
        softmax_cross_entropy,
        examples=[
            *_CALLS,
            call(logits=(3, 5), labels=Classes((3,), 5), z_loss=0.1),
            call(logits=(3, 5), labels=Simplex((3, 5)), class_weights=Uniform((5,)), z_loss=0.1, label_smoothing=1.0),
        ],
        saves=["logits", "labels", "class_weights", PER_ROW, PER_ROW],
        batched=["logits", "labels"],
        edges=[
            at(logits=[1.0, -inf], labels=0, y=0.0, logits_bar=[0.0, 0.0]),
            at(logits=[1e30, -1e30], labels=0, y=0.0, logits_bar=[0.0, 0.0]),
            at(logits=[1.0, -inf], labels=0, class_weights=[2.0, 3.0], y=0.0, logits_bar=[0.0, 0.0]),
            at(logits=[1e30, -1e30], labels=0, class_weights=[2.0, 3.0], y=0.0, logits_bar=[0.0, 0.0]),
            at(logits=[1.0, -inf], labels=1, y=inf, logits_bar=[1.0, -1.0]),
            at(logits=[0.0, 0.0], labels=2, y=nan, logits_bar=[nan, nan]),
            at(logits=[0.0, 0.0], labels=-1, y=nan, logits_bar=[nan, nan]),
            at(logits=[2.0, -inf], labels=[1.0, 0.0], y=0.0, logits_bar=[0.0, 0.0]),
            at(logits=[-inf, -inf], labels=0, y=inf, logits_bar=[-1.0, 0.0]),
            at(logits=[inf, 0.0], labels=1, y=inf, logits_bar=[nan, -1.0]),
            at(logits=[nan, inf], labels=-1, ignore=-1, y=0.0, logits_bar=[0.0, 0.0]),
            at(logits=[nan, -inf], labels=1, ignore=1, label_smoothing=0.1, z_loss=0.1, y=0.0, logits_bar=[0.0, 0.0]),
            at(
                logits=[0.0, 0.0],
                labels=0,
                class_weights=[0.0, 1.0],
                y=0.0,
                logits_bar=[0.0, 0.0],
                class_weights_bar=[math.log(2), 0.0],
            ),
            at(
                logits=[0.0, -inf],
                labels=1,
                class_weights=[1.0, 0.0],
                y=0.0,
                logits_bar=[0.0, 0.0],
                class_weights_bar=[0.0, inf],
            ),
            at(logits=[nan, inf], labels=1, class_weights=[1.0, 0.0], y=0.0, logits_bar=[0.0, 0.0]),
            at(logits=[nan, inf], labels=[0.0, 0.0], y=0.0, logits_bar=[0.0, 0.0]),
            at(logits=[0.0, 0.0], labels=0, label_smoothing=0.0, y=math.log(2), logits_bar=[-0.5, 0.5]),
        ],
        bad=[
            bad(ValueError, r"labels must be \[3\], a class number a row, go", logits=(3, 5), labels=ints(5)),
            bad(ValueError, r"labels must be \[3, 5\], the shape of logits", logits=(3, 5), labels=(3, 4)),
            bad(ValueError, "logits must be .* with at least one class", logits=(3, 0), labels=ints(3)),
            bad(TypeError, "logits must be a floating-point array", logits=ints(3, 5), labels=ints(3)),
            bad(
                TypeError, "labels must be .* numbers or of distributions, got a list", logits=(3, 5), labels=[0, 1, 2]
            ),
            bad(
                ValueError,
                r"class_weights must be \[5\] to follow log",
                logits=(3, 5),
                labels=ints(3),
                class_weights=(3,),
            ),
            bad(
                TypeError,
                "class_weights must be a floating-point a",
                logits=(3, 5),
                labels=ints(3),
                class_weights=ints(5),
            ),
            bad(ValueError, "label_smoothing must be a n", logits=(3, 5), labels=ints(3), label_smoothing=1.5),
            bad(TypeError, "ignore must be a class number or None", logits=(3, 5), labels=ints(3), ignore=1.0),
            bad(ValueError, "ignore must be None where labels are w", logits=(3, 5), labels=(3, 5), ignore=1),
            bad(
                ValueError,
                "ignore must be a number that labels of uint8 can hold, got -1",
                logits=(3, 5),
                labels=of("uint8", 3),
                ignore=-1,
            ),
            bad(ValueError, "z_loss must be a number that is not", logits=(3, 5), labels=ints(3), z_loss=-1.0),
        ],
        large=call(logits=SHAPE, labels=Classes((ROWS,), 512)),
    ),
    rule(
        softmax_cross_entropy_with_z,
        examples=_CALLS,
        saves=["logits", "labels", "class_weights", PER_ROW, PER_ROW],
        batched=["logits", "labels"],
        edges=[
            at(logits=[1.0, -inf], labels=0, y=(0.0, 1.0), logits_bar=[2.0, 0.0]),
            at(logits=[-inf, 0.0], labels=0, y=(inf, 0.0), logits_bar=[-1.0, 1.0]),
            at(logits=[nan, inf], labels=5, ignore=5, y=(0.0, 0.0), logits_bar=[0.0, 0.0]),
            at(logits=[inf, 0.0], labels=1, y=(inf, inf), logits_bar=[nan, nan]),
            at(logits=[0.0, 0.0], labels=2, y=(nan, nan), logits_bar=[nan, nan]),
        ],
        bad=[
            bad(ValueError, "softmax_cross_entropy_with_z: labels must", logits=(3, 5), labels=ints(5)),
        ],
        large=call(logits=SHAPE, labels=Classes((ROWS,), 512)),
    ),
]
