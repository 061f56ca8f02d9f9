"""What `rules/affine/_einsum.py` declares."""

from ... import einsum
from .._entry import SHAPE, bad, call, rule

entries = [
    rule(
        einsum,
        examples=[
            call(x=(2, 5, 3), w=(3, 2, 4), equation="...d,dhk->...hk"),
            call(x=(2, 3, 5), w=(3, 5, 4), equation="...hk,hkd->...d"),
            call(x=(7,), w=(7, 2), equation="d,dk->k"),
            call(x=(3, 2, 1, 4), w=(4, 2, 5), equation="...d,dme->...me"),
            call(x=(3, 5), w=(5,), equation="bi,i->bi"),
            call(x=(2, 3, 4), w=(3, 4), equation="bij,ij->bji"),
            call(x=(0, 3), w=(3, 2), equation="...d,dk->k..."),
        ],
        saves=["x", "w"],
        bad=[
            bad(
                ValueError, "equation must be like '...d,dhk->...hk', got 'bd,dk'", x=(3, 5), w=(5, 2), equation="bd,dk"
            ),
            bad(
                ValueError, "must have each index of w once, and elsewhere too", x=(3, 5), w=(5, 2), equation="bd,dk->b"
            ),
            bad(
                ValueError, "must have each index of x once, and elsewhere too", x=(3, 3), w=(3, 2), equation="dd,dk->k"
            ),
            bad(
                ValueError,
                "w must be of the sizes of 'bd,dk->bk', got float64",
                x=(3, 5),
                w=(4, 2),
                equation="bd,dk->bk",
            ),
        ],
        large=call(x=SHAPE, w=(512, 8, 64), equation="...d,dhk->...hk"),
    ),
]
