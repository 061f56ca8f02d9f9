"""Normalisations, and weights of a given length."""

import math

import numpy as np

from ..normalization._batch_norm import (
    batch_norm,
    batch_norm_inference,
    batch_norm_inference_reference,
    batch_norm_reference,
)
from ..normalization._group_norm import group_norm, group_norm_reference, instance_norm, instance_norm_reference
from ..normalization._l2_normalize import l2_normalize, l2_normalize_reference
from ..normalization._layer_norm import layer_norm, layer_norm_reference
from ..normalization._rms_norm import rms_norm, rms_norm_reference
from ..normalization._spectral_norm import spectral_norm, spectral_norm_reference
from ..normalization._weight_norm import weight_norm, weight_norm_reference
from ._entry import AXES, Edge, Entry, Example, Uniform, inf, nan


def _affine(*shapes, **options):
    """Each shape with a scale and a shift for its last axis; then the first without either, and without one of them."""
    (first, *_), c = shapes, shapes[0][-1]
    return [
        *(Example((shape, shape[-1:], shape[-1:]), options) for shape in shapes),
        Example((first, None, None), options), Example((first, (c,), None), options), Example((first, None, (c,)), options),
    ]


def _twice(count):
    """Mean and 1/std, for as many sets as ``count`` finds in x's shape."""
    return lambda x, *_, **options: 2 * count(x.shape, **options)


def _all_but_last(w, *_, **options):
    return math.prod(w.shape[:-1])


def _lines(x, axis=-1, eps=1e-12):
    axes = axis if isinstance(axis, tuple) else (axis,)
    return math.prod(n for i, n in enumerate(x.shape) if i not in {a % x.ndim for a in axes})


_R = 1e-5**-0.5  # 1 / std of what does not vary
_ROWS = [(5,), (3, 5), (2, 3, 7), (4, 1), (0, 3), (3, 0)]
_BATCHES = [(3, 5), (7, 2), (2, 3, 2, 3), (1, 3), (5, 1), (0, 3)]
_INFERENCE = [((3, 5), 5), ((7,), 7), ((2, 3, 2), 2), ((5, 1), 1), ((0, 3), 3)]
_GROUPS = [((2, 3, 4), 2), ((3, 6), 3), ((2, 2, 3, 5), 1), ((2, 3, 4), 4), ((1, 5, 2), 1), ((0, 5, 2), 2), ((2, 0, 2), 1)]
_SPACES = [(2, 3, 2), (1, 5, 3), (2, 2, 3, 1), (0, 3, 2), (2, 0, 2)]
_WEIGHTS = [((5, 3), (3,)), ((5,), (5,)), ((2, 3, 7), (7,)), ((1, 2), (2,)), ((3, 1), (1,)), ((3, 0), (0,))]

entries = [
    Entry(
        layer_norm, layer_norm_reference,
        [*_affine(*_ROWS), Example(((3, 5), (5,), (5,)), {"eps": 0.5})],
        [Edge(([3e8, 3e8], [2.0, 2.0], [1.0, -1.0]), [1.0, -1.0], ([0.0, 0.0], [0.0, 0.0], [1.0, 1.0])),
         Edge(([0.1, 0.1, 0.1], [1.0, 2.0, 3.0], [0.0, 0.0, 0.0]), [0.0, 0.0, 0.0], ([-_R, 0.0, _R], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0])),
         Edge(([1e200, -1e200], [1.0, 1.0], [2.0, 3.0]), [2.0, 3.0], ([0.0, 0.0], [0.0, 0.0], [1.0, 1.0])),
         Edge(([1.7e308, -1.7e308], [1.0, 1.0], [2.0, 3.0]), [2.0, 3.0], ([0.0, 0.0], [0.0, 0.0], [1.0, 1.0])),
         Edge(([inf, 1.0], [1.0, 1.0], [0.0, 0.0]), [nan, nan], ([nan, nan], None, None)),
         Edge(([nan, 1.0], [1.0, 1.0], [0.0, 0.0]), [nan, nan], ([nan, nan], None, None))],
        saved=(0, 1, 2, _twice(lambda shape, **_: math.prod(shape[:-1]))),
    ),
    Entry(
        rms_norm, rms_norm_reference,
        [*(Example((shape, shape[-1:])) for shape in _ROWS), Example(((3, 5), None)), Example(((3, 5), (5,)), {"eps": 0.5})],
        [Edge(([0.0, 0.0], [1.0, -2.0]), [0.0, 0.0], ([1e3, -2e3], [0.0, 0.0])),
         Edge(([1e200, 1.0], [1.0, 1.0]), [0.0, 0.0], ([0.0, 0.0], [0.0, 0.0])),
         Edge(([inf, 1.0], [1.0, 1.0]), [nan, 0.0], ([nan, nan], None)), Edge(([nan, 1.0], [1.0, 1.0]), [nan, nan], ([nan, nan], None))],
        saved=(0, 1, "row"),
    ),
    Entry(
        batch_norm, batch_norm_reference,
        [*_affine(*_BATCHES), Example(((3, 5), (5,), (5,)), {"eps": 0.5})],
        [Edge(([[0.1], [0.1], [0.1]], [2.0], [1.0]), [[1.0], [1.0], [1.0]], ([[0.0], [0.0], [0.0]], [0.0], [3.0])),
         Edge(([[3e8, inf]], [1.0, 1.0], [0.0, 0.0]), [[0.0, nan]], ([[0.0, nan]], None, None)),
         Edge(([[1e200], [-1e200]], [1.0], [0.0]), [[0.0], [0.0]], ([[0.0], [0.0]], None, None))],
        saved=(0, 1, 2, _twice(lambda shape, **_: shape[-1])),
    ),
    Entry(
        batch_norm_inference, batch_norm_inference_reference,
        [
            *(Example((shape, (c,), Uniform((c,), 0.2, 2.0), (c,), (c,))) for shape, c in _INFERENCE),
            *(Example(((3, 5), (5,), Uniform((5,), 0.2, 2.0), *last)) for last in [(None, None), ((5,), None), (None, (5,))]),
            Example(((3, 5), (5,), Uniform((5,)), (5,), (5,)), {"eps": 0.5}),
        ],
        [Edge(([2.0], [2.0], [0.0], [3.0], [1.0]), [1.0], ([3.0 * _R], [-3.0 * _R], [0.0], [0.0], [1.0])),
         Edge(([2.0], [0.0], [inf], [3.0], [1.0]), [1.0], ([0.0], [0.0], [0.0], [0.0], [1.0])),
         Edge(([1.0], [0.0], [-1.0], [1.0], [0.0]), [nan], ([nan], [nan], [nan], [nan], [1.0]))],
        saved=(0, 1, 2, 3, 4),
    ),
    Entry(
        group_norm, group_norm_reference,
        [
            *(Example((shape, shape[-1:], shape[-1:]), {"groups": groups}) for shape, groups in _GROUPS),
            *(Example(((2, 3, 4), *last), {"groups": 2}) for last in [(None, None), ((4,), None), (None, (4,))]),
            Example(((2, 3, 4), (4,), (4,)), {"groups": 2, "eps": 0.5}),
        ],
        [Edge(([[0.1, 0.1, 0.1]], [2.0, 2.0, 2.0], [1.0, 2.0, 3.0]), [[1.0, 2.0, 3.0]],
              ([[0.0, 0.0, 0.0]], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]), {"groups": 1}),
         Edge(([[3e8, inf]], [1.0, 1.0], [0.0, 0.0]), [[0.0, nan]], ([[0.0, nan]], None, None), {"groups": 2})],
        saved=(0, 1, 2, _twice(lambda shape, groups, **_: shape[0] * groups)),
    ),
    Entry(
        instance_norm, instance_norm_reference,
        [*_affine(*_SPACES), Example(((2, 3, 2), (2,), (2,)), {"eps": 0.5})],
        [Edge(([[[0.1], [0.1], [0.1]]], [2.0], [1.0]), [[[1.0], [1.0], [1.0]]], ([[[0.0], [0.0], [0.0]]], [0.0], [3.0])),
         Edge(([[[3e8, inf]]], [1.0, 1.0], [0.0, 0.0]), [[[0.0, nan]]], ([[[0.0, nan]]], None, None))],
        saved=(0, 1, 2, _twice(lambda shape, **_: shape[0] * shape[-1])),
    ),
    Entry(
        l2_normalize, l2_normalize_reference, [*AXES, Example(((3, 5),), {"eps": 2.0})],
        [Edge(([0.0, 0.0],), [0.0, 0.0], ([1e12, 1e12],)), Edge(([3.0, 4.0],), [0.6, 0.8], ([0.2, 0.2],), {"eps": 5.0}),
         Edge(([3.0, 4.0],), [0.6, 0.8], ([0.032, -0.024],)), Edge(([3e200, 4e200],), [0.6, 0.8], ([0.0, 0.0],)), Edge(([3e-200, 4e-200],), [0.6, 0.8], ([3.2e198, -2.4e198],), {"eps": 1e-300}),
         Edge(([inf, 1.0],), [nan, 0.0], ([nan, nan],)), Edge(([nan, 1.0],), [nan, nan], ([nan, nan],))],
        saved=(0, _lines),
    ),
    Entry(
        weight_norm, weight_norm_reference, [Example(shapes) for shapes in _WEIGHTS],
        [Edge(([[0.0, 3.0], [0.0, 4.0]], [2.0, 5.0]), [[0.0, 3.0], [0.0, 4.0]], ([[0.0, 0.16], [0.0, -0.12]], [0.0, 1.4])),
         Edge(([1.0, -2.0], [0.0, 3.0]), [0.0, -3.0], ([0.0, 0.0], [1.0, -1.0]))],
        saved=(0, 1, lambda v, g: v.shape[-1]),
    ),
    Entry(
        spectral_norm, spectral_norm_reference,
        [*(Example(shapes) for shapes in _WEIGHTS), *(Example(((5, 3), (3,)), {"iterations": k}) for k in (0, 2, 5))],
        [Edge((w, u), tuple(map(np.array, y)), (w_bar, [0.0, 0.0])) for w, u, y, w_bar in [
            ([[0.0, 0.0]], [3.0, 4.0], ([[0.0, 0.0]], [0.6, 0.8]), [[1e12, 1e12]]),
            ([[2.0, 0.0]], [0.0, 0.0], ([[2e12, 0.0]], [0.0, 0.0]), [[1e12, 1e12]]),
            ([[2.0, 0.0], [0.0, 1.0]], [1.0, 0.0], ([[1.0, 0.0], [0.0, 0.5]], [1.0, 0.0]), [[-0.25, 0.5], [0.5, 0.5]]),
            ([[nan, 1.0]], [1.0, 0.0], ([[nan, nan]], [nan, nan]), [[nan, nan]])]],
        saved=(0, lambda w, u, **_: _all_but_last(w) + u.size + 1), surrogate=True,
    ),
]  # fmt: skip
