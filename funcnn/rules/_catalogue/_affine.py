"""Affine maps."""

from ..affine._bilinear import bilinear, bilinear_reference
from ..affine._einsum import einsum, einsum_reference
from ..affine._embedding import embedding, embedding_reference
from ..affine._linear import linear, linear_reference
from ..affine._scale_shift import scale_shift, scale_shift_reference
from ._entry import Classes, Edge, Entry, Example, nan

entries = [
    Entry(
        linear, linear_reference,
        [Example(shapes) for shapes in [
            ((3, 5), (5, 2), (2,)), ((3, 5), (5, 2), (1, 2)), ((3, 5), (5, 2), None), ((5,), (5, 2), (2,)),
            ((5,), (5, 2), (1, 2)), ((2, 3, 5), (5, 7), (7,)), ((2, 1, 3, 2), (2, 1), (1, 1)), ((5, 5), (5, 5), (5,)),
            ((0, 3), (3, 2), (2,)), ((3, 0), (0, 2), (2,)), ((3, 2), (2, 0), (0,)),
        ]],
        [], saved=(0, 1, 2),
    ),
    Entry(
        scale_shift, scale_shift_reference,
        [Example(shapes) for shapes in [
            ((3, 5), (5,), (5,)), ((7,), (7,), (7,)), ((2, 1, 3), (3,), None), ((3, 1), None, (1,)), ((2, 3), None, None),
            ((0, 3), (3,), (3,)), ((3, 0), (0,), (0,)),
        ]],
        [], saved=(0, 1, 2),
    ),
    Entry(
        bilinear, bilinear_reference,
        [Example(shapes) for shapes in [
            ((3, 5), (3, 2), (5, 2, 4), (4,)), ((5,), (3,), (5, 3, 2), None), ((2, 3, 1), (2, 3, 2), (1, 2, 3), (3,)),
            ((0, 3), (0, 2), (3, 2, 1), (1,)), ((3, 0), (3, 2), (0, 2, 5), (5,)),
        ]],
        [], saved=(0, 1, 2, 3), batched=2,
    ),
    Entry(
        einsum, einsum_reference,
        [Example(shapes, {"equation": equation}) for shapes, equation in [
            (((2, 5, 3), (3, 2, 4)), "...d,dhk->...hk"), (((2, 3, 5), (3, 5, 4)), "...hk,hkd->...d"),
            (((7,), (7, 2)), "d,dk->k"), (((3, 2, 1, 4), (4, 2, 5)), "...d,dme->...me"),
            (((3, 5), (5,)), "bi,i->bi"), (((2, 3, 4), (3, 4)), "bij,ij->bji"), (((0, 3), (3, 2)), "...d,dk->k..."),
        ]],
        [], saved=(0, 1),
    ),
    Entry(
        embedding, embedding_reference,
        [Example((Classes(ids, rows), (rows, features))) for ids, rows, features in [
            ((5,), 3, 4), ((3, 9), 7, 2), ((), 5, 3), ((2, 1, 3), 1, 2), ((0, 3), 4, 2), ((7,), 4, 1), ((3, 2), 5, 0),
        ]],
        [Edge((2, [[1.0], [2.0]]), [nan], (None, [[0.0], [0.0]])), Edge((-1, [[1.0], [2.0]]), [nan], (None, [[0.0], [0.0]])),
         Edge(([1, 1], [[1.0], [2.0]]), [[2.0], [2.0]], (None, [[0.0], [2.0]]))],
        saved=(0, 1),
    ),
]
