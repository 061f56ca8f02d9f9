"""What `rules/numerics/_safe_divide.py` declares."""

from math import inf, nan

from ... import safe_divide
from .._entry import OUTPUT, SHAPE, at, bad, call, rule

entries = [
    rule(
        safe_divide,
        examples=[
            call(numerator=(7,), denominator=(7,)),
            call(numerator=(), denominator=()),
            call(numerator=(1,), denominator=(1,)),
            call(numerator=(3, 5), denominator=(3, 5)),
            call(numerator=(2, 1, 3), denominator=(2, 1, 3)),
            call(numerator=(0, 3), denominator=(0, 3)),
        ],
        saves=["denominator", OUTPUT],
        batched=["numerator", "denominator"],
        edges=[
            at(numerator=1.0, denominator=0.0, y=0.0, numerator_bar=0.0, denominator_bar=0.0),
            at(numerator=0.0, denominator=0.0, y=0.0, numerator_bar=0.0, denominator_bar=0.0),
            at(numerator=2.0, denominator=4.0, y=0.5, numerator_bar=0.25, denominator_bar=-0.125),
            at(numerator=1.0, denominator=inf, y=0.0, numerator_bar=0.0, denominator_bar=0.0),
            at(numerator=inf, denominator=2.0, y=inf, numerator_bar=0.5, denominator_bar=-inf),
            at(numerator=inf, denominator=inf, y=nan, numerator_bar=0.0, denominator_bar=nan),
        ],
        bad=[
            bad(ValueError, r"denominator must be \[3\], the shape of numerator", numerator=(3,), denominator=(1,)),
        ],
        large=call(numerator=SHAPE, denominator=SHAPE),
    ),
]
