"""Piecewise activations with a bent or cut left side, and those made of straight lines."""

from ..activations._elu import celu, celu_reference, elu, elu_reference, selu, selu_reference
from ..activations._hard import (
    hard_sigmoid,
    hard_sigmoid_reference,
    hard_silu,
    hard_silu_reference,
    hard_tanh,
    hard_tanh_reference,
)
from ..activations._relu import prelu, prelu_reference, relu6, relu6_reference, threshold, threshold_reference
from ..activations._shrink import hard_shrink, hard_shrink_reference, soft_shrink, soft_shrink_reference
from ._entry import ELEMENTWISE, Edge, Entry, Example, Uniform, inf, nan

_LAMBDA, _ALPHA = 1.0507009873554805, 1.6732632423543772


def _with(*options):
    """The usual shapes, and a matrix for each setting of the options."""
    return [*ELEMENTWISE, *(Example(((3, 5),), setting) for setting in options)]


def _edges(*points, **options):
    return [Edge((x,), y, (bar,), options) for x, y, bar in points]


_SLOPES = [((), ()), ((1,), ()), ((7,), (7,)), ((3, 5), (5,)), ((3, 5), ()), ((2, 1, 3), (3,)), ((2, 3, 1), (1,)), ((0, 3), (3,))]

entries = [
    Entry(
        relu6, relu6_reference, [*ELEMENTWISE, Example((Uniform((5, 7), -9.0, 9.0),))],
        _edges((0.0, 0.0, 0.0), (6.0, 6.0, 0.0), (inf, 6.0, 0.0), (-inf, 0.0, 0.0), (nan, nan, 0.0)),
        saved=("y",),
    ),
    Entry(
        elu, elu_reference, _with({"alpha": 0.3}, {"alpha": 2.0}, {"alpha": 0.0}),
        [*_edges((0.0, 0.0, 1.0), (inf, inf, 1.0), (-inf, -1.0, 0.0), (-1e30, -1.0, 0.0), (nan, nan, nan)),
         *_edges((0.0, 0.0, -2.0), (-inf, 2.0, 0.0), alpha=-2.0)],
        saved=("y",),
    ),
    Entry(
        selu, selu_reference, ELEMENTWISE,
        _edges((0.0, 0.0, _LAMBDA * _ALPHA), (inf, inf, _LAMBDA), (-inf, -_LAMBDA * _ALPHA, 0.0), (nan, nan, nan)),
        saved=("y",),
    ),
    Entry(
        celu, celu_reference, _with({"alpha": 0.3}, {"alpha": 2.0}, {"alpha": -1.5}),
        [*_edges((0.0, 0.0, 1.0), (inf, inf, 1.0), (-inf, -1.0, 0.0), (-1e30, -1.0, 0.0), (nan, nan, nan)),
         *_edges((-inf, -0.5, 0.0), alpha=0.5)],
        saved=("y",),
    ),
    Entry(
        prelu, prelu_reference, [Example(shapes) for shapes in _SLOPES],
        [Edge((0.0, 0.25), 0.0, (0.25, 0.0)), Edge((inf, 0.25), inf, (1.0, 0.0)), Edge((-inf, 0.25), -inf, (0.25, -inf)),
         Edge((0.0, 0.0), 0.0, (0.0, 0.0)), Edge((-inf, 0.0), nan, (0.0, -inf)),
         Edge(([-1.0, 0.0, 2.0], -3.0), [3.0, 0.0, 2.0], ([-3.0, -3.0, 1.0], -1.0))],
        saved=(0, 1),
    ),
    Entry(
        threshold, threshold_reference,
        [Example(e.args, {"threshold": t, "value": v}) for e, (t, v) in zip(
            [*ELEMENTWISE, Example(((5, 7),))], [(0.1, 20.0), (-1.0, 0.0), (0.5, -0.5), (0.0, 0.0), (-0.3, 2.0), (1.0, 1.0), (0.2, 7.0)],
            strict=True)],
        _edges((1.0, 5.0, 0.0), (inf, inf, 1.0), (-inf, 5.0, 0.0), (nan, nan, 1.0), threshold=1.0, value=5.0),
        saved=(0,),
    ),
    Entry(
        hard_tanh, hard_tanh_reference, _with({"low": -0.5, "high": 2.0}, {"low": 0.0, "high": 0.3}),
        _edges((-1.0, -1.0, 0.0), (1.0, 1.0, 0.0), (inf, 1.0, 0.0), (-inf, -1.0, 0.0), (nan, nan, 0.0)),
        saved=("y",),
    ),
    Entry(
        hard_sigmoid, hard_sigmoid_reference, [*ELEMENTWISE, Example((Uniform((5, 7), -5.0, 5.0),))],
        _edges((-3.0, 0.0, 0.0), (3.0, 1.0, 0.0), (0.0, 0.5, 1 / 6), (inf, 1.0, 0.0), (-inf, 0.0, 0.0), (nan, nan, 0.0)),
        saved=(0,),
    ),
    Entry(
        hard_silu, hard_silu_reference, [*ELEMENTWISE, Example((Uniform((5, 7), -5.0, 5.0),))],
        _edges((-3.0, 0.0, 0.0), (3.0, 3.0, 1.0), (0.0, 0.0, 0.5), (inf, inf, 1.0), (-inf, 0.0, 0.0), (nan, nan, nan)),
        saved=(0,),
    ),
    Entry(
        soft_shrink, soft_shrink_reference, _with({"threshold": 0.0}, {"threshold": 1.2}),
        _edges((0.5, 0.0, 0.0), (-0.5, 0.0, 0.0), (0.0, 0.0, 0.0), (inf, inf, 1.0), (-inf, -inf, 1.0), (nan, nan, 1.0)),
        saved=("y",),
    ),
    Entry(
        hard_shrink, hard_shrink_reference, _with({"threshold": 0.0}, {"threshold": 1.2}),
        _edges((0.5, 0.0, 0.0), (-0.5, 0.0, 0.0), (0.0, 0.0, 0.0), (inf, inf, 1.0), (-inf, -inf, 1.0), (nan, nan, 1.0)),
        saved=("y",),
    ),
]  # fmt: skip
