"""Losses."""

import math

from ..losses._cosine_distance import cosine_distance, cosine_distance_reference
from ..losses._hinge import hinge, hinge_reference, multiclass_hinge, multiclass_hinge_reference
from ..losses._info_nce import info_nce, info_nce_reference
from ..losses._kl_divergence import kl_divergence, kl_divergence_reference
from ..losses._nll import gaussian_nll, gaussian_nll_reference, poisson_nll, poisson_nll_reference
from ..losses._regression import (
    absolute_error,
    absolute_error_reference,
    huber,
    huber_reference,
    log_cosh,
    log_cosh_reference,
    squared_error,
    squared_error_reference,
)
from ..losses._sigmoid_cross_entropy import (
    focal,
    focal_reference,
    sigmoid_cross_entropy,
    sigmoid_cross_entropy_reference,
)
from ..losses._softmax_cross_entropy import (
    softmax_cross_entropy,
    softmax_cross_entropy_reference,
    softmax_cross_entropy_with_z,
    softmax_cross_entropy_with_z_reference,
)
from ..losses._triplet import triplet, triplet_reference
from ._entry import Classes, Edge, Entry, Example, Signs, Simplex, Uniform, inf, nan

_SHAPES = [(), (7,), (3, 5), (2, 1, 3), (0, 3)]
_ROWS = [(5,), (3, 5), (2, 3, 7), (4, 1), (0, 3)]
_PAIRS = [Example((shape, shape)) for shape in _SHAPES]
_ROW_PAIRS = [Example((shape, shape)) for shape in _ROWS]


def _with(*options):
    """The usual pairs, and one of matrices for each setting of the options."""
    return [*_PAIRS, *(Example(((3, 5), (3, 5)), setting) for setting in options)]


def _classes(shape):
    return Classes(shape[:-1], shape[-1])


_MEASURES = [
    *(Example((shape, _classes(shape), None)) for shape in _ROWS),
    *(Example((shape, Simplex(shape), None)) for shape in _ROWS),
    Example(((3, 5), (3, 5), None)),
    Example(((3, 5), _classes((3, 5)), Uniform((5,))), {"label_smoothing": 0.1, "ignore": 2}),
    Example(((2, 3, 5), _classes((2, 3, 5)), None), {"ignore": -100}),
    Example(((3, 5), _classes((3, 5)), Uniform((5,)))),
    Example(((3, 5), Simplex((3, 5)), Uniform((5,))), {"label_smoothing": 0.3}),
]
_SURE = [([1.0, -inf], 0), ([1e30, -1e30], 0)]
_ALONE = [Edge((*args, [2.0, 3.0]), 0.0, ([0.0, 0.0], None, None)) for args in _SURE]

entries = [
    Entry(
        squared_error, squared_error_reference, _PAIRS,
        [Edge((1.0, 1.0), 0.0, (0.0, 0.0)), Edge((inf, 0.0), inf, (inf, -inf)), Edge((inf, inf), nan, (nan, nan))],
        saved=(0, 1), batched=2,
    ),
    Entry(
        absolute_error, absolute_error_reference, _PAIRS,
        [Edge((1.0, 1.0), 0.0, (0.0, 0.0)), Edge((-inf, 0.0), inf, (-1.0, 1.0)), Edge((inf, inf), nan, (nan, nan))],
        saved=(0, 1), batched=2,
    ),
    Entry(
        huber, huber_reference, _with({"delta": 0.1}, {"delta": 3.0}),
        [Edge((1.0, 1.0), 0.0, (0.0, 0.0)), Edge((3.0, 1.0), 2.0, (2.0, -2.0), {"delta": 2.0}),
         Edge((1.0, 3.0), 2.0, (-2.0, 2.0), {"delta": 2.0}), Edge((inf, 0.0), inf, (1.0, -1.0)),
         Edge((1e30, 0.0), 1e30, (1.0, -1.0)), Edge((inf, inf), nan, (nan, nan))],
        saved=(0, 1), batched=2,
    ),
    Entry(
        log_cosh, log_cosh_reference, _PAIRS,
        [Edge((1.0, 1.0), 0.0, (0.0, 0.0)), Edge((1e-20, 0.0), 5e-41, (1e-20, -1e-20)), Edge((1e30, 0.0), 1e30, (1.0, -1.0)),
         Edge((-inf, 0.0), inf, (-1.0, 1.0)), Edge((inf, inf), nan, (nan, nan))],
        saved=(0, 1), batched=2,
    ),
    Entry(
        softmax_cross_entropy, softmax_cross_entropy_reference,
        [*_MEASURES, Example(((3, 5), _classes((3, 5)), None), {"z_loss": 0.1}),
         Example(((3, 5), Simplex((3, 5)), Uniform((5,))), {"z_loss": 0.1, "label_smoothing": 1.0})],
        [*(Edge(args, 0.0, ([0.0, 0.0], None)) for args in _SURE), *_ALONE,
         Edge(([1.0, -inf], 1), inf, ([1.0, -1.0], None)), Edge(([0.0, 0.0], 2), nan, ([nan, nan], None)),
         Edge(([0.0, 0.0], -1), nan, ([nan, nan], None)), Edge(([2.0, -inf], [1.0, 0.0]), 0.0, ([0.0, 0.0], None)),
         Edge(([-inf, -inf], 0), inf, ([-1.0, 0.0], None)), Edge(([inf, 0.0], 1), inf, ([nan, -1.0], None)),
         Edge(([nan, inf], -1), 0.0, ([0.0, 0.0], None), {"ignore": -1}),
         Edge(([nan, -inf], 1), 0.0, ([0.0, 0.0], None), {"ignore": 1, "label_smoothing": 0.1, "z_loss": 0.1}),
         Edge(([0.0, 0.0], 0, [0.0, 1.0]), 0.0, ([0.0, 0.0], None, [math.log(2), 0.0])),
         Edge(([0.0, -inf], 1, [1.0, 0.0]), 0.0, ([0.0, 0.0], None, [0.0, inf])),
         Edge(([0.0, 0.0], 0), math.log(2), ([-0.5, 0.5], None), {"label_smoothing": 0.0})],
        saved=(0, 1, 2, "row", "row"), batched=2,
    ),
    Entry(
        softmax_cross_entropy_with_z, softmax_cross_entropy_with_z_reference, _MEASURES,
        [Edge(([1.0, -inf], 0), (0.0, 1.0), ([2.0, 0.0], None)), Edge(([-inf, 0.0], 0), (inf, 0.0), ([-1.0, 1.0], None)),
         Edge(([nan, inf], 5), (0.0, 0.0), ([0.0, 0.0], None), {"ignore": 5}),
         Edge(([inf, 0.0], 1), (inf, inf), ([nan, nan], None)), Edge(([0.0, 0.0], 2), (nan, nan), ([nan, nan], None))],
        saved=(0, 1, 2, "row", "row"), batched=2,
    ),
    Entry(
        sigmoid_cross_entropy, sigmoid_cross_entropy_reference,
        [*(Example((shape, Simplex(shape), None)) for shape in _SHAPES[1:]),
         *(Example((shape, Uniform(shape), weight)) for shape, weight in [((), ()), ((3, 5), ()), ((2, 3, 5), Uniform((5,)))])],
        [Edge((inf, 1.0), 0.0, (0.0, None)), Edge((-inf, 0.0), 0.0, (0.0, None)), Edge((1e30, 1.0), 0.0, (0.0, None)),
         Edge((inf, 0.0), inf, (1.0, None)), Edge((0.0, 0.5), math.log(2), (0.0, 0.0)),
         Edge((-inf, 1.0, 3.0), inf, (-3.0, inf, inf)), Edge((-inf, 1.0, 0.0), 0.0, (0.0, None, inf)),
         Edge((-inf, 0.0, 3.0), 0.0, (0.0, inf, 0.0))],
        saved=(0, 1, 2), batched=2,
    ),
    Entry(
        focal, focal_reference,
        [*(Example((shape, Simplex(shape)), {"alpha": alpha}) for shape, alpha in zip(_SHAPES[1:], [None, 0.25, 0.5, None], strict=True)),
         *(Example(((3, 5), Uniform((3, 5))), {"gamma": gamma, "alpha": 0.25}) for gamma in (0.0, 0.5, 1.0, 5)),
         Example(((5, 1), Simplex((5, 1))), {"gamma": 1.5})],
        [*(Edge((sign * x, t), 0.0, (0.0, None), {"gamma": gamma}) for x in (1e3, 1e30, inf) for gamma in (0.0, 0.5, 2.0)
           for sign, t in [(1, 1.0), (-1, 0.0)]),
         *(Edge((sign * 1e30, t), 1e30, (float(sign), None), {"gamma": gamma}) for gamma in (0.0, 0.5, 2.0)
           for sign, t in [(-1, 1.0), (1, 0.0)]),
         Edge((inf, 0.0), inf, (1.0, None)), Edge((-inf, 1.0), inf, (-0.25, None), {"alpha": 0.25}),
         Edge((-inf, 1.0), 0.0, (0.0, None), {"alpha": 0.0}), Edge((1e3, 1.0), 0.0, (0.0, 0.0)),
         Edge((0.0, 0.5), math.log(2) / 4, (0.0, 0.0))],
        saved=(0, 1), batched=2,
    ),
    Entry(
        hinge, hinge_reference, [Example((shape, Signs(shape))) for shape in _SHAPES],
        [Edge((1.0, 1.0), 0.0, (0.0, 0.0)), Edge((-1.0, -1.0), 0.0, (0.0, 0.0)), Edge((0.0, 1.0), 1.0, (-1.0, 0.0)),
         Edge((inf, 1.0), 0.0, (0.0, 0.0)), Edge((inf, -1.0), inf, (1.0, -inf))],
        saved=(0, 1), batched=2,
    ),
    Entry(
        multiclass_hinge, multiclass_hinge_reference,
        [*(Example((shape, _classes(shape))) for shape in _ROWS),
         *(Example(((3, 5), _classes((3, 5))), {"margin": margin}) for margin in (0.1, 0.0, 3, -0.5))],
        [Edge(([2.0, 1.0, 1.0], 0), 0.0, ([0.0, 0.0, 0.0], None)), Edge(([1.0, 1.0, 1.0], 0), 2.0, ([-2.0, 1.0, 1.0], None)),
         Edge(([1.0, 1.0], 1), 0.0, ([0.0, 0.0], None), {"margin": 0.0}), Edge(([0.0, 0.0], 2), nan, ([0.0, 0.0], None)),
         Edge(([0.0, 0.0], -1), nan, ([0.0, 0.0], None)), Edge(([0.0, -inf], 0), 0.0, ([0.0, 0.0], None)),
         Edge(([inf, 0.0], 0), 0.0, ([0.0, 0.0], None)), Edge(([inf, 0.0], 1), inf, ([1.0, -1.0], None)),
         Edge(([inf, inf], 0), nan, ([0.0, 0.0], None))],
        saved=(0, 1), batched=2,
    ),
    Entry(
        triplet, triplet_reference,
        [*(Example((shape, shape, shape)) for shape in _ROWS),
         *(Example(((3, 5), (3, 5), (3, 5)), options) for options in [{"margin": 0.1, "eps": 0.3}, {"margin": 5, "eps": 0.0}])],
        [Edge(([1.0, 2.0], [1.0, 2.0], [1.0, 2.0]), 1.0, ([0.0, 0.0],) * 3, {"eps": 0.0}),
         Edge(([1.0, 2.0], [1.0, 2.0], [1.0, 2.0]), 1.0, ([0.0, 0.0], [-(0.5**0.5)] * 2, [0.5**0.5] * 2)),
         Edge(([0.0, 0.0], [0.0, 2.0], [3.0, 0.0]), 0.0, ([0.0, 0.0],) * 3, {"eps": 0.0}),
         Edge(([0.0, 0.0], [0.0, 2.0], [0.0, 0.0]), 3.0, ([0.0, -1.0], [0.0, 1.0], [0.0, 0.0]), {"eps": 0.0})],
        saved=(0, 1, 2), batched=3,
    ),
    Entry(
        cosine_distance, cosine_distance_reference,
        [*_ROW_PAIRS, Example(((3, 5), (3, 5)), {"eps": 4.0})],
        [Edge(([0.0, 0.0], [3.0, 4.0]), 1.0, ([-0.6, -0.8], [0.0, 0.0]), {"eps": 1.0}),
         Edge(([0.0, 0.0], [0.0, 0.0]), 1.0, ([0.0, 0.0], [0.0, 0.0])), Edge(([2.0], [3.0]), 0.0, ([0.0], [0.0])),
         Edge(([1.0, 0.0], [0.0, 2.0]), 1.0, ([0.0, -1.0], [-0.5, 0.0])),
         Edge(([1e200, 0.0], [1.0, 1.0]), 1.0, ([0.0, 0.0], [0.0, 0.0]))],
        saved=(0, 1), batched=2,
    ),
    Entry(
        info_nce, info_nce_reference,
        [Example((shape, shape), {"temperature": temperature}) for shape, temperature in
         [((3, 5), 1.0), ((2, 3, 2), 0.5), ((1, 3), 0.07), ((5, 1), 2), ((0, 3, 2), 1.0), ((3, 0), 1.0)]],
        [Edge(([[2.0]], [[3.0]]), [0.0], ([[0.0]], [[0.0]])),
         Edge(([[0.0], [0.0]], [[0.0], [0.0]]), [math.log(2)] * 2, ([[0.0], [0.0]], [[0.0], [0.0]])),
         Edge(([[1e30], [-1e30]], [[1.0], [-1.0]]), [0.0, 0.0], ([[0.0], [0.0]], [[0.0], [0.0]]))],
        saved=(0, 1), batched=2,
    ),
    Entry(
        kl_divergence, kl_divergence_reference,
        [*(Example((shape, Simplex(shape))) for shape in _ROWS), *(Example((shape, shape), {"log_targets": True}) for shape in _ROWS[:2])],
        [Edge(([-1.0, 0.0], [0.0, 1.0]), 0.0, ([0.0, -1.0], [0.0, 1.0])), Edge(([-inf, 0.0], [0.0, 1.0]), 0.0, ([0.0, -1.0], [0.0, 1.0])),
         Edge(([-inf, 0.0], [1.0, 0.0]), inf, ([-1.0, 0.0], [inf, 0.0])), Edge(([inf, -inf], [0.5, 0.5]), nan, ([-0.5, -0.5], [-inf, inf])),
         Edge(([-inf, 0.0], [-inf, 0.0]), 0.0, ([0.0, -1.0], [0.0, 1.0]), {"log_targets": True}),
         Edge(([0.0, 0.0], [-1e30, 0.0]), 0.0, ([0.0, -1.0], [0.0, 1.0]), {"log_targets": True})],
        saved=(0, 1), batched=2,
    ),
    Entry(
        poisson_nll, poisson_nll_reference,
        [Example((shape, Uniform(shape, 0.0, 4.0)), {"full": i % 2 == 1}) for i, shape in enumerate([*_SHAPES, (3, 5)])],
        [Edge((0.0, 0.0), 1.0, (1.0, 0.0)), Edge((-inf, 0.0), 0.0, (0.0, inf)), Edge((-inf, 2.0), inf, (-2.0, inf)),
         Edge((inf, 2.0), inf, (inf, -inf)), Edge((1e30, 1e300), inf, (inf, -1e30)),
         Edge((0.0, 0.0), 1.0, (1.0, 0.0), {"full": True}), Edge((0.0, 1.0), 1.0, (0.0, 0.0), {"full": True})],
        saved=(0, 1), batched=2,
    ),
    Entry(
        gaussian_nll, gaussian_nll_reference,
        [Example((shape, shape, Uniform(shape, 0.2, 2.0)), options) for shape, options in
         zip([*_SHAPES, (3, 5)], [{}, {"full": True}, {"eps": 0.7}, {}, {}, {"eps": 0.5, "full": True}], strict=True)],
        [Edge((1.0, 1.0, 1.0), 0.0, (0.0, 0.0, 0.5)), Edge((1.0, 1.0, 0.0), math.log(0.5) / 2, (0.0, 0.0, 0.0), {"eps": 0.5}),
         Edge((1.0, 0.0, -3.0), 0.5, (1.0, -1.0, 0.0), {"eps": 1.0}), Edge((0.0, 0.0, 0.5), math.log(0.5) / 2, (0.0, 0.0, 1.0), {"eps": 0.5}),
         Edge((inf, 0.0, 1.0), inf, (inf, -inf, -inf)), Edge((inf, inf, 1.0), nan, (nan, nan, nan))],
        saved=(0, 1, 2), batched=3,
    ),
]  # fmt: skip
