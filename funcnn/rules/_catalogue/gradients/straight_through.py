"""What `rules/gradients/_straight_through.py` declares."""

from math import inf

import jax.numpy as jnp

from ... import straight_through
from .._entry import ELEMENTWISE, at, bad, call, rule


def _cut(x):
    return jnp.clip(x, -1, 1)


entries = [
    rule(
        straight_through,
        examples=[*ELEMENTWISE, call(x=(5, 7), f=jnp.sign), call(x=(3, 5), f=_cut)],
        saves=[],
        surrogate=True,
        edges=[
            at(x=0.5, y=0.0, x_bar=1.0),
            at(x=inf, y=inf, x_bar=1.0),
            at(x=1.0, f=jnp.sign, limit=1.0, y=1.0, x_bar=1.0),
            at(x=-1.5, f=jnp.sign, limit=1.0, y=-1.0, x_bar=0.0),
            at(x=inf, f=jnp.sign, limit=1.0, y=1.0, x_bar=0.0),
        ],
        bad=[
            bad(TypeError, "f must be a function x -> y, got 2.0", x=(3,), f=2.0),
            bad(ValueError, r"f\(x\) must be float64\[3\], as x is, got float64\[\]", x=(3,), f=jnp.sum),
        ],
    ),
]
