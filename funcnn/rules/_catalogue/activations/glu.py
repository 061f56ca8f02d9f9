"""What `rules/activations/_glu.py` declares."""

from math import inf

from ... import geglu, glu, reglu, swiglu
from .._arguments import ints
from .._entry import SHAPE, at, bad, call, rule

_CALLS = [
    call(x=(1,), gate=(1,)),
    call(x=(7,), gate=(7,)),
    call(x=(3, 5), gate=(3, 5)),
    call(x=(2, 1, 3), gate=(2, 1, 3)),
    call(x=(0, 3), gate=(0, 3)),
    call(x=(4,), axis=-1),
    call(x=(3, 2), axis=-1),
    call(x=(2, 4, 3), axis=1),
    call(x=(0, 2), axis=0),
    call(x=(4, 5), axis=0),
]

entries = [
    rule(
        glu,
        examples=_CALLS,
        saves=["x", "gate"],
        batched=["x", "gate"],
        edges=[
            at(x=2.0, gate=inf, y=2.0, x_bar=1.0, gate_bar=0.0),
            at(x=2.0, gate=-inf, y=0.0, x_bar=0.0, gate_bar=0.0),
            at(x=2.0, gate=0.0, y=1.0, x_bar=0.5, gate_bar=0.5),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
            bad(ValueError, "glu: x must be of an even size along axis -1, got float64", x=(3, 5)),
        ],
        large=call(x=SHAPE, gate=SHAPE),
    ),
    rule(
        reglu,
        examples=_CALLS,
        saves=["x", "gate"],
        batched=["x", "gate"],
        edges=[
            at(x=2.0, gate=0.0, y=0.0, x_bar=0.0, gate_bar=0.0),
            at(x=2.0, gate=-inf, y=0.0, x_bar=0.0, gate_bar=0.0),
            at(x=2.0, gate=inf, y=inf, x_bar=inf, gate_bar=2.0),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
        large=call(x=SHAPE, gate=SHAPE),
    ),
    rule(
        geglu,
        examples=[
            call(x=(1,), gate=(1,), approximate=True),
            call(x=(7,), gate=(7,), approximate=False),
            call(x=(3, 5), gate=(3, 5), approximate=True),
            call(x=(2, 1, 3), gate=(2, 1, 3), approximate=False),
            call(x=(0, 3), gate=(0, 3), approximate=True),
            call(x=(4,), axis=-1, approximate=False),
            call(x=(3, 2), axis=-1, approximate=True),
            call(x=(2, 4, 3), axis=1, approximate=False),
            call(x=(0, 2), axis=0, approximate=True),
            call(x=(4, 5), axis=0, approximate=False),
        ],
        saves=["x", "gate"],
        batched=["x", "gate"],
        edges=[
            at(x=2.0, gate=0.0, approximate=True, y=0.0, x_bar=0.0, gate_bar=1.0),
            at(x=2.0, gate=-inf, approximate=True, y=0.0, x_bar=0.0, gate_bar=0.0),
            at(x=2.0, gate=inf, approximate=True, y=inf, x_bar=inf, gate_bar=2.0),
            at(x=2.0, gate=0.0, approximate=False, y=0.0, x_bar=0.0, gate_bar=1.0),
            at(x=2.0, gate=-inf, approximate=False, y=0.0, x_bar=0.0, gate_bar=0.0),
            at(x=2.0, gate=inf, approximate=False, y=inf, x_bar=inf, gate_bar=2.0),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
        ],
        large=call(x=SHAPE, gate=SHAPE),
    ),
    rule(
        swiglu,
        examples=_CALLS,
        saves=["x", "gate"],
        batched=["x", "gate"],
        edges=[
            at(x=2.0, gate=0.0, y=0.0, x_bar=0.0, gate_bar=1.0),
            at(x=2.0, gate=-inf, y=0.0, x_bar=0.0, gate_bar=0.0),
            at(x=2.0, gate=inf, y=inf, x_bar=inf, gate_bar=2.0),
        ],
        bad=[
            bad(TypeError, "x must be a floating-point array, got int32", x=ints(3)),
            bad(ValueError, r"gate must be \[3, 4\], the shape of x, got float64\[3, 2\]", x=(3, 4), gate=(3, 2)),
        ],
        large=call(x=SHAPE, gate=SHAPE),
    ),
]
