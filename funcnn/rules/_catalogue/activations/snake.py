"""What `rules/activations/_snake.py` declares."""

from math import inf, nan

from ... import snake
from .._arguments import of
from .._entry import SHAPE, WIDTH, at, bad, call, rule

entries = [
    rule(
        snake,
        examples=[
            call(x=(), alpha=()),
            call(x=(1,), alpha=()),
            call(x=(7,), alpha=(7,)),
            call(x=(3, 5), alpha=(5,)),
            call(x=(3, 5), alpha=()),
            call(x=(2, 1, 3), alpha=(3,)),
            call(x=(2, 3, 1), alpha=(1,)),
            call(x=(0, 3), alpha=(3,)),
        ],
        saves=["x", "alpha"],
        edges=[
            at(x=0.0, alpha=2.0, y=0.0, x_bar=1.0, alpha_bar=0.0),
            at(x=3.0, alpha=0.0, y=3.0, x_bar=1.0, alpha_bar=9.0),
            at(x=inf, alpha=1.0, y=nan, x_bar=nan, alpha_bar=nan),
        ],
        bad=[
            bad(
                TypeError,
                "alpha must have the dtype of x",
                x=(3, 5),
                alpha=of("float32", 5),
            ),
        ],
        large=call(x=SHAPE, alpha=(WIDTH,)),
    ),
]
