"""What `rules/attention/_rope.py` declares."""

from ... import rope
from .._arguments import Classes
from .._entry import bad, call, rule

X = (2, 3, 2, 8)
LINEAR = {"rope_type": "linear", "factor": 4.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
LLAMA = {"factor": 8.0, "original_max_position_embeddings": 64, "low_freq_factor": 1.0, "high_freq_factor": 4.0}

entries = [
    rule(
        rope,
        examples=[
            call(x=X, positions=Classes((2, 3), 1000)),
            call(x=X, positions=Classes((3,), 1000), base=500.0, interleaved=True),
            call(x=X, positions=Classes((2, 3), 1000), fraction=0.5, scaling=YARN),
            call(x=X, positions=Classes((3,), 1000), scaling={"rope_type": "llama3"} | LLAMA),
            call(x=(1, 5, 1, 2), positions=Classes((5,), 1000), scaling={"rope_type": "ntk", "factor": 2.0}),
            call(x=(3, 1, 4), positions=Classes((3,), 9)),
            call(x=(2, 0, 1, 4), positions=Classes((2, 0), 10), scaling=LINEAR),
            call(x=(1, 2, 1, 3), positions=Classes((2,), 10), fraction=0.0),
        ],
        saves=["positions"],
        batched=["x", "positions"],
        bad=[
            bad(TypeError, "rope: positions must be an array of integers, got float64", x=X, positions=(2, 3)),
            bad(ValueError, r"positions must be \[2, 3\] or \[3\] to follow x", x=X, positions=Classes((4,), 9)),
            bad(ValueError, r"rope: x must be \[\.\.\., T, heads, dim\], got", x=(3, 4), positions=Classes((3,), 9)),
            bad(ValueError, "fraction · dim must be even, got 3 of 3", x=(1, 2, 1, 3), positions=Classes((2,), 9)),
            bad(
                ValueError, "fraction must be a number from 0 to 1, got 2", x=X, positions=Classes((3,), 9), fraction=2
            ),
            bad(ValueError, "base must be a number above 1, got 0", x=X, positions=Classes((3,), 9), base=0),
            bad(TypeError, "interleaved must be True or False, got 1", x=X, positions=Classes((3,), 9), interleaved=1),
            bad(
                TypeError,
                "scaling must be a mapping such as .*, got float",
                x=X,
                positions=Classes((3,), 9),
                scaling=2.0,
            ),
            bad(
                ValueError,
                r"scaling\['rope_type'\] must be one of default, linear, ntk, yarn, llama3, got 'dynamic'",
                x=X,
                positions=Classes((3,), 9),
                scaling={"rope_type": "dynamic", "factor": 2.0},
            ),
            bad(
                ValueError,
                r"scaling of type 'linear' must have \['factor'\] beside its type, got \[\]",
                x=X,
                positions=Classes((3,), 9),
                scaling={"type": "linear"},
            ),
            bad(
                ValueError,
                r"have \['factor', 'original_max_.*'\], and perhaps \['attention_.*'\], beside its type, got \['factor'\]",
                x=X,
                positions=Classes((3,), 9),
                scaling={"rope_type": "yarn", "factor": 2.0},
            ),
        ],
        large=call(x=(4, 512, 8, 64), positions=Classes((512,), 512)),
    ),
]
