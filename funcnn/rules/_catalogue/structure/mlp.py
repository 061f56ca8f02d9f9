"""What `rules/structure/_mlp.py` declares."""

from math import prod

import jax

from ... import gelu, mlp
from .._arguments import ints, of
from .._entry import SHAPE, Numbers, bad, call, rule

MLP = {"x": (3, 5), "w_in": (5, 4), "w_out": (4, 2)}


def hidden(arrays):
    """So many arrays of hidden size; with a tile not one."""

    def count(x, w_in, *rest, tile=None, **options):
        return 0 if tile else arrays * prod(x.shape[:-1]) * w_in.shape[1]

    return Numbers(count)


entries = [
    rule(
        mlp,
        examples=[
            call(**MLP, b_in=(4,), b_out=(2,)),
            call(**MLP, b_in=(4,), b_out=(2,), tile=2),
            call(x=(5,), w_in=(5, 4), w_out=(4, 2), b_in=(4,), activation=jax.numpy.tanh),
            call(x=(2, 1, 5), w_in=(5, 1), w_out=(1, 7), activation=jax.nn.softmax, tile=1),
            call(**MLP, activation=gelu),
            call(x=(0, 3), w_in=(3, 2), w_out=(2, 2), tile=2),
            call(x=(3, 0), w_in=(0, 2), w_out=(2, 1), b_out=(1,)),
        ],
        saves=["x", "w_in", "w_out", "b_in", "b_out", hidden(1)],
        bad=[
            bad(ValueError, r"mlp: w_out must be \[4, m\] to follow", x=(3, 5), w_in=(5, 4), w_out=(5, 2)),
            bad(ValueError, r"mlp: b_in must be \[4\] to follow w_in", **MLP, b_in=(2,)),
            bad(TypeError, "mlp: w_out must have the dtype of x", x=(3, 5), w_in=(5, 4), w_out=of("float32", 4, 2)),
            bad(TypeError, "mlp: x must be a floating-point array", x=ints(3, 5), w_in=(5, 4), w_out=(4, 2)),
            bad(TypeError, "mlp: activation must be a function of an array, got str", **MLP, activation="gelu"),
            bad(
                ValueError,
                r"mlp: activation must keep shape and dtype, .*\[3, 4\], got",
                **MLP,
                activation=jax.numpy.sum,
            ),
            bad(ValueError, "mlp: tile must be above 0, got 0", **MLP, tile=0),
            bad(TypeError, "mlp: tile must be an int or None, got float", **MLP, tile=2.0),
        ],
        large=call(x=SHAPE, w_in=(512, 2048), w_out=(2048, 512), b_in=(2048,), b_out=(512,), activation=gelu),
    ),
]
