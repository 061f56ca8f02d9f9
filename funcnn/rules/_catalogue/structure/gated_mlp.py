"""What `rules/structure/_gated_mlp.py` declares."""

import jax

from ... import gated_mlp, silu
from .._entry import SHAPE, bad, call, rule
from .mlp import hidden

GATED = {"x": (3, 5), "w_gate": (5, 4), "w_up": (5, 4), "w_down": (4, 2)}

entries = [
    rule(
        gated_mlp,
        examples=[
            call(**GATED),
            call(**GATED, tile=2),
            call(x=(5,), w_gate=(5, 4), w_up=(5, 4), w_down=(4, 2), activation=jax.nn.gelu, tile=3),
            call(x=(0, 3), w_gate=(3, 2), w_up=(3, 2), w_down=(2, 2)),
            call(x=(2, 1, 5), w_gate=(5, 1), w_up=(5, 1), w_down=(1, 7), activation=silu),
        ],
        saves=["x", "w_gate", "w_up", "w_down", hidden(2)],
        bad=[
            bad(
                ValueError,
                r"gated_mlp: w_up must be \[5, 4\] to follow x \[3, 5\] and w_gate",
                **GATED | {"w_up": (5, 3)},
            ),
            bad(
                TypeError,
                "gated_mlp: activation must be a function of an array, got NoneType",
                **GATED,
                activation=None,
            ),
            bad(ValueError, "gated_mlp: tile must be above 0, got -1", **GATED, tile=-1),
        ],
        large=call(x=SHAPE, w_gate=(512, 1024), w_up=(512, 1024), w_down=(1024, 512), activation=silu),
    ),
]
